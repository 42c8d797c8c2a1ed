# Answers the daemon's first questions only.
q.on_message = lambda conn, msg, who: answer(conn, msg, who) if who != 'mon' or msg.get('execute') in (
    'qmp_capabilities', 'query-status') else None
