-- The agent's last reported working directory, {cwd, worktree}; null while that is the chat's own directory.
alter table chats add column agent_directory json;

-- The effort is a setting of the chat, like the model; null leaves it to the agent. It was stored with the session.
alter table chats add column effort text check (effort in ('low', 'medium', 'high', 'xhigh', 'max'));
update chats set effort = agent_sessions.effort
  from agent_sessions where agent_sessions.chat_id = chats.id and agent_sessions.agent = chats.agent;
alter table agent_sessions drop column effort;
