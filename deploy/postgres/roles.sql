-- The roles of one node's database, least privilege. Run by a superuser, again whenever you like:
--
--   createdb --encoding UTF8 --template template0 holdfast_node1
--   psql -d holdfast_node1 -v owner=holdfast_owner -v runtime=holdfast_node1 -f deploy/postgres/roles.sql
--
-- owner    owns the schema and changes it at an upgrade: store.migrate_connection
-- runtime  what the node runs as: reads and writes rows, changes no table: store.connection
--
-- Passwords are not set here, so that none lies in a history or a log: use \password in psql, or
-- client certificates. docs/postgres.md
\set ON_ERROR_STOP on
\set QUIET on
SELECT format('CREATE ROLE %I LOGIN', :'owner')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
SELECT format('CREATE ROLE %I LOGIN', :'runtime')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'runtime') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), :'owner', :'runtime') \gexec
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT format('CREATE SCHEMA holdfast AUTHORIZATION %I', :'owner')
  WHERE to_regnamespace('holdfast') IS NULL \gexec
GRANT USAGE ON SCHEMA holdfast TO :"runtime";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA holdfast TO :"runtime";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA holdfast
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"runtime";
