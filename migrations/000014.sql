-- Where the agent was last told to work, {cwd, worktree}; null while that is the chat's own directory.
alter table chats add column agent_directory json;
