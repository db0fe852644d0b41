-- Which server granted the refresh token, or was last sent it: only that one's application can renew it, and after
-- an answer that was lost nobody else may be asked.
ALTER TABLE tokens ADD COLUMN server TEXT;
