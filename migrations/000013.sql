-- How much of the agent's own count of its session is booked: what the count started with, and what was booked since.
-- In the form of model_usage; null if unknown, as for a session that was started elsewhere.
alter table agent_sessions add column counted_usage jsonb;
