# Events without pause.
def main():
    wait_until_running()
    blob = b''.join(json.dumps({'timestamp': {'seconds': 1, 'microseconds': 1}, 'event': e}).encode() + b'\r\n'
                    for e in ('STOP', 'RESUME', 'RESET')) * 500
    tell('flooding')
    end = time.time() + 60
    while time.time() < end:
        for conn in list(q.conns):
            if conn.fileno() != q.fd:
                try:
                    conn.sendall(blob)
                except OSError:
                    pass
    tell('flooded')
q.main = main
