-- The effort that the agent's session was given by a command of the agent's own, so that it holds over a rest. Null is the
-- model's own.

alter table agent_sessions add column effort text check (effort in ('low', 'medium', 'high', 'xhigh', 'max'));

-- A prompt that was taken back: the agent's session holds neither it nor what came of it.
alter table prompts add column rewound boolean not null default false;
