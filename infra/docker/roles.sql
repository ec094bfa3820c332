-- The services' roles come with the image and have no password yet.
\set password `cat /run/secrets/postgres_password`
alter user authenticator with password :'password';
alter user supabase_auth_admin with password :'password';
alter user supabase_storage_admin with password :'password';
