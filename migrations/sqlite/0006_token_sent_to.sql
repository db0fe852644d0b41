-- Which server was sent the refresh token without an answer, apart from the one that granted it: the two can differ, and
-- only the latter's refusal is the last word. What was kept of both in one column is known to be the former then.
ALTER TABLE tokens ADD COLUMN sent_to TEXT;
UPDATE tokens SET sent_to = server, server = NULL WHERE uncertain = 1;
