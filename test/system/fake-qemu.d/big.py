# A message of 8 MiB that is nothing but braces. Whoever hangs up on it does not end the guest by that.
def main():
    wait_until_running()
    text = '{"timestamp":{"seconds":1,"microseconds":1},"event":"X","data":{"a":[' + '{},' * 2796000 + '{}]}}\r\n'
    for conn in list(q.conns):
        if conn.fileno() != q.fd:
            try:
                conn.sendall(text.encode())
            except OSError:
                tell('hung up on')
q.main = main
