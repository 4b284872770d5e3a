-- Importing sessions that were started elsewhere.

-- The session that is being imported into this chat. Until the import is complete nobody sees the chat, and no host may
-- claim it. A session has only one import at a time.
alter table chats add column importing_session uuid unique;
