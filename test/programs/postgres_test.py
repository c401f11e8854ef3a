"""
postgres_test.py: PostgreSQL: a cluster of its own, made by initdb as an unprivileged user, reached
through a Unix socket; pgbench with four clients; queries that sort, hash, aggregate, parse JSON and
run PL/pgSQL in several processes.

pgbench seeds each client from --random-seed and the balances are sums, so with a number of
transactions per client the tables end equal, whatever the interleaving.
"""

import glob
import os
import signal
import time

from harness import Comparison, check, fail, skip

TRANSACTIONS = 300
CLIENTS = 4

QUERIES = r"""
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0; SET work_mem = '4MB';
CREATE TABLE item AS SELECT i AS id, i * 7919 % 1009 AS grp, md5(i::text) AS name,
  repeat(md5((i * 31)::text), i % 20) AS body,
  jsonb_build_object('k', i % 97, 'list', jsonb_build_array(i, i % 7, md5((i % 13)::text))) AS doc
  FROM generate_series(1, 60000) i;
CREATE INDEX ON item USING gin (doc); CREATE INDEX ON item (grp, name); CREATE INDEX ON item USING
  hash (name);
ANALYZE item;
SELECT grp, count(*), md5(string_agg(name, ',' ORDER BY name DESC)) FROM item GROUP BY grp ORDER BY
  grp;
SELECT doc->>'k' AS k, count(*), sum((doc->'list'->>0)::bigint) FROM item WHERE doc @> '{"k": 5}'
  OR doc ? 'none' GROUP BY 1 ORDER BY 1;
SELECT count(*), md5(string_agg(a.name || b.name, '' ORDER BY a.id, b.id)) FROM item a JOIN item b
  ON a.grp = b.grp AND a.id < b.id WHERE a.grp < 40;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT count(*), sum(length(a.body)) FROM item a JOIN item b ON substr(a.name, 1, 6) =
  substr(b.name, 4, 6);
RESET enable_hashjoin; RESET enable_nestloop;
SELECT id, rank() OVER w, sum(id) OVER w FROM item WHERE grp % 200 = 3 WINDOW w AS (PARTITION BY
  grp ORDER BY name) ORDER BY id;
WITH RECURSIVE walk(n, path) AS (SELECT 1, ARRAY[1] UNION ALL SELECT n * 3 % 1009, path || n FROM
  walk WHERE array_length(path, 1) < 700)
SELECT max(array_length(path, 1)), md5(string_agg(n::text, ',' ORDER BY array_length(path, 1)))
  FROM walk;
SELECT md5(string_agg(regexp_replace(name, '([a-f]+)([0-9])', '\2<\1>', 'g'), '' ORDER BY id)) FROM
  item WHERE id < 20000;
SELECT ts, count(*) FROM (SELECT to_tsvector('english', translate(body, '0123456789',
  'aeioustrnl')) @@ to_tsquery('english', 'a:* | b:*') AS ts FROM item WHERE id < 3000) t GROUP BY
  ts ORDER BY ts;
CREATE FUNCTION work(rounds int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE parts text[] := '{}'; h text := ''; r record;
BEGIN
  FOR i IN 1..rounds LOOP
    BEGIN
      parts := parts || md5(i::text);
      IF i % 50 = 0 THEN RAISE EXCEPTION 'undo %', i; END IF;
    EXCEPTION WHEN OTHERS THEN h := md5(h || SQLERRM || array_to_string(parts, ','));
    END;
  END LOOP;
  FOR r IN EXECUTE 'SELECT name FROM item WHERE id < 2000 ORDER BY name' LOOP h := md5(h ||
    r.name); END LOOP;
  RETURN h;
END $$;
SELECT work(2000);
SELECT md5(xmlelement(name a, xmlagg(xmlelement(name b, name) ORDER BY id))::text) FROM item WHERE
  id < 3000;
UPDATE item SET body = body || name WHERE id % 3 = 0; DELETE FROM item WHERE id % 7 = 0; VACUUM
  FULL item;
SELECT count(*), sum(length(body)), md5(string_agg(body, '' ORDER BY id)) FROM item;
"""

STATE = """
SELECT md5(string_agg(aid || ':' || abalance, ',' ORDER BY aid)), sum(abalance), count(*) FROM
  pgbench_accounts;
SELECT md5(string_agg(tid || ':' || tbalance, ',' ORDER BY tid)), sum(tbalance), count(*) FROM
  pgbench_tellers;
SELECT md5(string_agg(bid || ':' || bbalance, ',' ORDER BY bid)), sum(bbalance), count(*) FROM
  pgbench_branches;
SELECT md5(string_agg(tid || ':' || bid || ':' || aid || ':' || delta, ',' ORDER BY tid, bid, aid,
  delta)), sum(delta), count(*) FROM pgbench_history;
"""


def server_programs():
    """The folder with initdb and postgres, which Debian keeps out of PATH; the newest version."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb") + glob.glob("/usr/pgsql-*/bin/initdb")
    if not found:
        skip("missing Debian packages: postgresql")
    return os.path.dirname(
        max(found, key=lambda path: [int(n) for n in path.split("/")[4:5] if n.isdigit()])
    )


def wait_until_ready(side, server, psql):
    for _ in range(300):
        server.check_alive()
        if psql("SELECT 1;", expect=None).returncode == 0:
            return
        time.sleep(0.1)
    fail("%s: the server does not answer\n%s" % (side.name, server.read_log()))


def helpers_of(server):
    """The processes PostgreSQL keeps all the time; backends of clients and workers come and go."""
    with open("/proc/%d/task/%d/children" % (server.pid, server.pid)) as listed:
        children = [int(word) for word in listed.read().split()]
    found = []
    for pid in children:
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as command:
                title = command.read()
        except FileNotFoundError:
            continue
        if any(name in title for name in (b"checkpointer", b"writer", b"launcher")):
            found.append(pid)
    return found


def main():
    folder = server_programs()
    test = Comparison("postgres", programs={"psql": "postgresql"}, users=("postgres", "nobody"))
    for side in test.sides():

        def program(name):
            return os.path.join(folder, name)

        def psql(script, database="postgres", expect=0):
            return side.run(
                [
                    program("psql"),
                    "-X",
                    "-q",
                    "-A",
                    "-t",
                    "-v",
                    "ON_ERROR_STOP=1",
                    "-h",
                    side.work,
                    "-U",
                    "tester",
                    database,
                ],
                stdin=script.encode(),
                expect=expect,
            )

        def start():
            server = side.start(
                [
                    program("postgres"),
                    "-D",
                    side.path("cluster"),
                    "-k",
                    side.work,
                    "-c",
                    "listen_addresses=",
                    "-c",
                    "fsync=off",
                    "-c",
                    "shared_buffers=32MB",
                    "-c",
                    "max_connections=20",
                    "-c",
                    "log_min_messages=warning",
                    "-c",
                    "jit=on",
                    "-c",
                    "jit_above_cost=10000",
                ],
                log_name="server.log",
            )
            wait_until_ready(side, server, psql)
            server.check_mapped()
            helpers = helpers_of(server)
            check(len(helpers) >= 4, "%s: only %d server processes" % (side.name, len(helpers)))
            for pid in helpers:
                side.check_mapped(pid)
            return server

        side.run(
            [
                program("initdb"),
                "-D",
                side.path("cluster"),
                "-U",
                "tester",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ]
        )
        server = start()
        psql("CREATE DATABASE bench;")
        bench = [program("pgbench"), "-h", side.work, "-U", "tester"]
        side.run([*bench, "-i", "-q", "-s", "2", "bench"])
        out = side.run(
            [
                *bench,
                "-n",
                "-c",
                str(CLIENTS),
                "-j",
                "2",
                "-t",
                str(TRANSACTIONS),
                "--random-seed=42",
                "bench",
            ]
        ).stdout.decode()
        total = CLIENTS * TRANSACTIONS
        check(
            "transactions actually processed: %d/%d" % (total, total) in out
            and "number of failed transactions: 0" in out,
            "%s: pgbench reports:\n%s" % (side.name, out),
        )
        side.run(
            [
                *bench,
                "-n",
                "-c",
                str(CLIENTS),
                "-j",
                "2",
                "-t",
                "1000",
                "-S",
                "-M",
                "prepared",
                "--random-seed=7",
                "bench",
            ]
        )
        state = psql(STATE, "bench").stdout
        sums = [row.split("|")[1:] for row in state.decode().split()]
        check(
            len(set(row[0] for row in sums)) == 1 and sums[3][1] == str(total),
            "%s: the sums disagree: %s" % (side.name, sums),
        )
        side.record("pgbench tables", state)
        answers = psql(QUERIES).stdout
        check(answers.count(b"\n") > 1200, "%s: the queries answered too little" % side.name)
        side.record("queries", answers)

        # A crash: the backends are killed, the server starts anew from its log, nothing is lost.
        os.kill(helpers_of(server)[0], signal.SIGKILL)
        time.sleep(0.3)
        wait_until_ready(side, server, psql)
        side.record("after a crash", psql(STATE, "bench").stdout)
        server.stop(signal.SIGINT)
        server = start()
        side.record("after a restart", psql(STATE, "bench").stdout)
        server.stop(signal.SIGINT)
    test.finish()


main()
