-- Sessions that were begun elsewhere and are brought here.

-- The session that is being brought into this chat. Until all of it is here nobody sees the chat, and no host may take
-- it; a session is brought in once at a time.
alter table chats add column importing_session uuid unique;
