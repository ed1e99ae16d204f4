-- The namespaces of the platform's subsystems; each subsystem's own migrations fill its own.
create schema if not exists log;
create schema if not exists topics;
create schema if not exists registry;
create schema if not exists vault;
create schema if not exists runtime;
create schema if not exists read;
