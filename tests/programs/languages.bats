#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# perl, node and sqlite, each with what it asks of a kernel.
load '../helpers'
load 'programs'

@test "perl forks, reads through a pipe, and talks over sockets" {
	box -- perl -MSocket -MIO::Socket::INET -MPOSIX -e '
		open(my $ls, "-|", "seq", 3) or die; print map { chomp; "<$_>" } <$ls>; close $ls;
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
		unless (my $pid = fork) { syswrite $b, "from child"; exit 3 }
		sysread $a, my $said, 100; wait; print " $said ", $? >> 8;
		my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
		my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $s->sockport) or die;
		print $c "tcp\n"; close $c; print " ", $s->accept->getline; local $SIG{ALRM} = sub { print "alarm\n" };
		alarm 1; pause(); flock(STDIN, 2); my @st = stat "/etc/passwd"; print $st[7] > 0 ? "ok\n" : "no\n";'
	succeeds
	prints $'<1><2><3> from child 3 tcp\nalarm\nok'
}

@test "node serves http on the box's loopback and asks itself" {
	need_command node
	cat >http.js <<-'EOF'
		const http = require('http'), fs = require('fs'), { Worker } = require('worker_threads');
		const { execFileSync } = require('child_process');
		const server = http.createServer((request, response) => {
		  let body = '';
		  request.on('data', (part) => (body += part));
		  request.on('end', () => response.end(request.method + ' ' + request.url + ' ' + body.length));
		});
		server.listen(0, '127.0.0.1', async () => {
		  const base = 'http://127.0.0.1:' + server.address().port;
		  const said = await Promise.all([...Array(20).keys()].map((i) => new Promise((done, fail) => {
		    const request = http.request(base + '/' + i, { method: 'POST' }, (answer) => {
		      let text = '';
		      answer.on('data', (part) => (text += part));
		      answer.on('end', () => done(text));
		    });
		    request.on('error', fail);
		    request.end('x'.repeat(100000));
		  })));
		  console.log(said.length, said[19]);
		  server.close();
		  fs.writeFileSync('made', 'by node');
		  console.log(execFileSync('cat', ['made']).toString());
		  new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true })
		    .on('message', (answer) => console.log(answer));
		});
	EOF
	box -- node http.js
	succeeds
	prints $'20 POST /19 100000\nby node\n42'
	[ ! -e made ]
}

@test "a server in a box is not there outside, nor in another box" {
	need_command node
	local port
	box -- node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
		console.log(s.address().port); s.close(); })'
	succeeds
	port=$output
	outside /usr/bin/python3 -c 'import os, signal, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print(os.getpid(), flush=True)
signal.alarm(60)
signal.pause()' "$port" 3>&- </dev/null >listening &
	eventually 10 test -s listening
	CANARY_PID=$(<listening)
	box -- node -e 'require("net").connect(+process.argv[1], "127.0.0.1")
		.on("error", (error) => console.log(error.code))' "$port"
	succeeds
	prints ECONNREFUSED
}

@test "sqlite keeps a database: transactions, write-ahead log, two writers" {
	need_command sqlite3
	box -- bash -ec 'sqlite3 db "PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
		insert() { for i in $(seq 20); do
			sqlite3 -cmd ".timeout 20000" db "INSERT INTO t(b) VALUES (\"$1 $i\")"; done; }
		insert one & insert two & wait
		sqlite3 db "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x < 10000)
			INSERT INTO t(b) SELECT hex(x) FROM n; BEGIN; DELETE FROM t; ROLLBACK;
			SELECT count(*) FROM t; PRAGMA integrity_check; VACUUM; PRAGMA journal_mode=DELETE;"
		ls'
	succeeds
	prints $'wal\n10040\nok\ndelete\ndb'
	[ ! -e db ]
}

@test "a database outside is read and changed in a box, and only there" {
	need_command sqlite3
	sqlite3 db 'CREATE TABLE t(a); INSERT INTO t VALUES (1);'
	box -- sqlite3 db 'INSERT INTO t VALUES (2); SELECT sum(a) FROM t;'
	succeeds
	prints 3
	[ "$(sqlite3 db 'SELECT sum(a) FROM t')" = 1 ]
	box --write . -- sqlite3 db 'INSERT INTO t VALUES (3);'
	succeeds
	[ "$(sqlite3 db 'SELECT sum(a) FROM t')" = 4 ]
}
