# Closes the daemon's monitor and goes on for vm-run.
def message(conn, msg, who):
    answer(conn, msg, who)
    if who == 'mon' and msg.get('execute') == 'query-status' and q.status == 'running':
        time.sleep(0.3)
        os.unlink(q.path)
        q.listener.close()
        conn.shutdown(2)
        conn.close()
q.on_message = message
