-- Bulk load, an index, joins, updates and deletes; parameter @n: number of rows.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, owner INTEGER, price REAL);
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT);
BEGIN;
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < @n)
INSERT INTO item
SELECT i, 'item ' || (i * 7919 % 1000003) || ' of ' || i, i * 31 % 1009, i % 977 / 10.0
FROM numbers;
WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < 1008)
INSERT INTO owner SELECT i, 'owner number ' || i FROM numbers;
COMMIT;
CREATE INDEX item_name ON item (name);
SELECT owner.name, count(*), sum(price) FROM item JOIN owner ON owner.id = item.owner
GROUP BY owner.name ORDER BY 3 DESC, 1 LIMIT 10;
SELECT group_concat(length(name), '') FROM (SELECT name FROM item ORDER BY name LIMIT 1000);
UPDATE item SET name = name || ' (sold)' WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*), sum(length(name)), sum(price) FROM item;
