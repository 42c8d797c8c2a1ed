# Takes devices in and lets them go at once, and says so.
answers = {'add-fd': {'fdset-id': 1, 'fd': 9}, 'query-fdsets': [], 'query-named-block-nodes': [],
           'query-version': q.version}


def message(conn, msg, who):
    command, arguments = msg.get('execute'), msg.get('arguments', {})
    if command in answers:
        send(conn, {'return': answers[command], 'id': msg.get('id')})
        return
    answer(conn, msg, who)
    if command in ('device_add', 'device_del'):
        tell(command, arguments.get('id'), arguments.get('hostdevice', ''))
    if command == 'device_del':
        event('DEVICE_DELETED', {'device': arguments['id'], 'path': '/machine/peripheral/' + arguments['id']})


q.on_message = message
