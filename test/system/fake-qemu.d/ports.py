# Takes ports in, and has the guest say a thousand lines at each that has a file.
sets, names, ports = {}, {}, {}
answers = {'query-named-block-nodes': [],
           'query-version': q.version}


def say(data):
    for key in 'out', 'logfile':
        path = data.get(key, '')
        if path.startswith('/dev/fdset/'):
            for i in range(1000):
                os.write(sets[int(path.removeprefix('/dev/fdset/'))][0], b'line %04d\n' % i)
            tell('said all at', key)


def take(conn, msg, fds):
    command, arguments = msg.get('execute'), msg.get('arguments', {})
    if command == 'add-fd':
        sets.setdefault(arguments['fdset-id'], []).extend(fds)
        names[arguments['fdset-id']] = arguments.get('opaque', '')
        send(conn, {'return': {'fdset-id': arguments['fdset-id'], 'fd': fds[0]}, 'id': msg.get('id')})
        return
    if command == 'remove-fd':
        for fd in sets.pop(arguments['fdset-id'], []):
            os.close(fd)
    if command == 'chardev-add':
        ports[arguments['id']] = arguments['backend']['data']
    if command == 'query-fdsets':
        answers[command] = [{'fdset-id': n, 'fds': [{'fd': fd, 'opaque': names[n]} for fd in own]}
                            for n, own in sets.items()]
    if command in answers:
        send(conn, {'return': answers[command], 'id': msg.get('id')})
    else:
        answer(conn, msg, 'mon')
    if command == 'device_add':
        say(ports.get(arguments.get('chardev'), {}))
    if command == 'device_del':
        event('DEVICE_DELETED', {'device': arguments['id'], 'path': '/machine/peripheral/' + arguments['id']})


def with_descriptors(conn, who):
    if who != 'mon':
        return False
    send(conn, {'QMP': {'version': q.version, 'capabilities': []}})
    rest, waiting = b'', []
    while True:
        data, fds, _, _ = socket.recv_fds(conn, 65536, 64)
        waiting += fds
        rest += data
        if not data:
            q.conns.remove(conn)
            return True
        while b'\n' in rest:
            line, rest = rest.split(b'\n', 1)
            if line.strip():
                msg = json.loads(line)
                own = [waiting.pop(0)] if msg.get('execute') == 'add-fd' else []
                take(conn, msg, own)


q.on_connect = with_descriptors
