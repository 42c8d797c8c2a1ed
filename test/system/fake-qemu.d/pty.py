# Says that its console is the terminal whose name is in a file; where that is "own", one that it has made.
q.pty = open('/usr/local/lib/fq/terminal').read().strip()
if q.pty == 'own':
    ours, theirs = os.openpty()
    q.pty = os.ttyname(theirs)


    def main():
        wait_until_running()
        while True:
            os.write(ours, b'from the guest\r\n')
            time.sleep(0.2)


    q.main = main
q.pty = 'pty:' + q.pty
