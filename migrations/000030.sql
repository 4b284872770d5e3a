-- The chat that this one was forked from, and the seq of the answer after which it goes its own way: {chatId, seq}. That chat
-- may be gone.
alter table chats add column forked_from json;
