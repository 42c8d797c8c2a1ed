# Never greets the daemon.
q.on_connect = lambda conn, who: who == 'mon' and time.sleep(100000)
