-- What of the agent's own count of its session is booked: all that the count began with, and all that was booked since.
-- The same form as model_usage; null where that is not known, as for a session that was begun elsewhere.
alter table agent_sessions add column counted_usage jsonb;
