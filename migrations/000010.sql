-- The effort that was set in the agent's session with one of the agent's own commands, so that it survives a restart of
-- the agent. Null for the model's default.

alter table agent_sessions add column effort text check (effort in ('low', 'medium', 'high', 'xhigh', 'max'));

-- Whether the prompt was rewound: the agent's session contains neither the prompt nor anything that followed from it.
alter table prompts add column rewound boolean not null default false;
