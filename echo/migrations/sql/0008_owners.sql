-- Whose a conversation is: it is put back before the words of nobody else, also where a space has several users.
-- Those of before belong to nobody: they can be read and deleted, and not gone on with.

ALTER TABLE echo.conversations ADD COLUMN owner text NOT NULL DEFAULT '';
COMMENT ON COLUMN echo.conversations.owner IS 'In the words of who keeps it, such as the name of a key; empty is nobody.';
