# Does not end by being asked.
import signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
q.on_message = lambda conn, msg, who: answer(conn, msg, who) if msg.get('execute') != 'quit' else send(
    conn, {'return': {}, **({'id': msg['id']} if 'id' in msg else {})})
