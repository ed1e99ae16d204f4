-- transaction: none
-- Serves every question after the effects of one instance. Not partial: see 0131.
create index concurrently if not exists effects_of_instance on runtime.effects (process, tenant_id, instance_id, seq)
