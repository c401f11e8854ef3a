"""
sqlite_test.py: the sqlite3 shell: a bulk load, indexes, joins, windows, recursion, JSON, full text
search, and a dump that is loaded again.
"""

from harness import Comparison, check

LOAD = """
PRAGMA journal_mode = %(journal)s;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT, note TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, day INTEGER,
                    amount REAL, tags TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer
SELECT i, printf('name-%%05d-%%x', i, (i * 7919) %% 104729), 'city' || (i * 31 %% 211),
       substr(hex((i * 2654435761) %% 4294967296) || replace(hex(zeroblob(i %% 150)), '0', 'x'), 1,
         i %% 250)
FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
INSERT INTO orders
SELECT i, 1 + (i * 48271 %% 2147483647) %% 20000, i * 16807 %% 365, (i * 69621 %% 100003) / 100.0,
       json_array(i %% 7, 'tag' || (i %% 13), json_object('k', i %% 101))
FROM n;
COMMIT;
CREATE INDEX orders_customer ON orders(customer, day);
CREATE INDEX customer_city ON customer(city, name DESC);
ANALYZE;
"""

QUERIES = """
.mode csv
SELECT count(*), sum(length(note)), min(name), max(name) FROM customer;
SELECT city, count(*), round(sum(amount), 2), max(day) FROM customer JOIN orders ON customer =
  customer.id
GROUP BY city ORDER BY 3 DESC, 1;
SELECT customer, day, amount, round(sum(amount) OVER w, 2), rank() OVER w
FROM orders WHERE customer %% 400 = 7 WINDOW w AS (PARTITION BY customer ORDER BY day, id);
SELECT json_extract(tags, '$[1]') AS tag, group_concat(DISTINCT json_extract(tags, '$[2].k'))
FROM orders WHERE id < 8000 GROUP BY tag ORDER BY tag;
SELECT day, group_concat(printf('%%.2f', amount), ' ') FROM (SELECT * FROM orders ORDER BY day, id)
WHERE day < 12 GROUP BY day;
WITH RECURSIVE mandel(x, y, a, b, n) AS (
  SELECT x.v, y.v, 0.0, 0.0, 0 FROM (SELECT value / 20.0 AS v FROM
    json_each('[-40,-30,-20,-10,0,10]')) x,
                                    (SELECT value / 20.0 AS v FROM json_each('[-20,-10,0,10,20]')) y
  UNION ALL SELECT x, y, a * a - b * b + x, 2 * a * b + y, n + 1 FROM mandel WHERE a * a + b * b <
    4 AND n < 60)
SELECT x, y, max(n) FROM mandel GROUP BY x, y;
SELECT upper(a.name), b.name FROM customer a, customer b
WHERE a.id < 150 AND b.name LIKE '%%' || substr(a.name, 8, 3) AND b.id < 3000 ORDER BY 1, 2;
PRAGMA integrity_check;
""".replace(
    "%%", "%"
)

FULL_TEXT = """
CREATE VIRTUAL TABLE doc USING fts5(title, body);
INSERT INTO doc SELECT name, city || ' ' || note || ' word' || (id % 997) || ' other' || (id % 89)
FROM customer;
SELECT count(*), sum(rowid) FROM doc WHERE doc MATCH 'word12 OR other7';
SELECT title FROM doc WHERE doc MATCH 'city11 AND other3*' ORDER BY rowid;
INSERT INTO doc(doc) VALUES ('optimize');
DELETE FROM doc WHERE rowid % 3 = 0;
SELECT count(*) FROM doc WHERE doc MATCH 'city5';
UPDATE customer SET note = replace(note, 'x', 'yz') WHERE id % 5 = 0;
DELETE FROM orders WHERE day % 11 = 4;
VACUUM;
SELECT total(length(note)), count(*) FROM customer;
"""


def main():
    test = Comparison("sqlite", programs={"sqlite3": "sqlite3"})
    for side in test.sides():

        def sqlite(database, script):
            return side.run(["sqlite3", "-batch", "-bail", database], stdin=script.encode()).stdout

        for journal in ("wal", "delete"):
            database = "%s.db" % journal
            sqlite(database, LOAD % {"journal": journal})
            answers = sqlite(database, QUERIES)
            check(
                len(answers) > 30000 and answers.rstrip().endswith(b"ok"),
                "the queries answered too little: %d bytes, end %r"
                % (len(answers), answers[-200:]),
            )
            side.record("queries, journal %s" % journal, answers)
        side.record("full text and changes", sqlite("wal.db", FULL_TEXT))
        sums = ".sha3sum customer\n.sha3sum orders\n"
        dump = sqlite("wal.db", ".dump customer orders")
        side.record("dump", dump)
        sqlite("again.db", dump.decode())
        check(sqlite("again.db", sums) == sqlite("wal.db", sums), "what the dump loads differs")
        side.record("sums", sqlite("again.db", sums))
    test.finish()


main()
