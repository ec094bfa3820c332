// Writes what docker-compose.yml takes as secrets into ./secrets, a file each; what is there stays as it is. Containers read them as a user of
// their own, so the files are open and the folder is not.
import { createHmac, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const folder = process.argv[2] ?? "secrets";
mkdirSync(folder, { recursive: true, mode: 0o700 });
chmodSync(folder, 0o700);

/** The secret of that name: what its file holds, or what is made now. */
function secret(name, make) {
  const file = `${folder}/${name}`;
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o444 });
  return readFileSync(file, "utf8").trim();
}

const base64 = (value) => Buffer.from(value).toString("base64url");
/** A key of Supabase's older kind, which self-hosted ones take: a token of ten years. */
function key(role, jwtSecret) {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { role, iss: "supabase", iat: now, exp: now + 10 * 365 * 86_400 };
  const body = `${base64('{"alg":"HS256","typ":"JWT"}')}.${base64(JSON.stringify(claims))}`;
  return `${body}.${createHmac("sha256", jwtSecret).update(body).digest("base64url")}`;
}

const random = () => randomBytes(24).toString("hex");
const postgres = secret("postgres_password", random);
const redis = secret("redis_password", random);
const jwt = secret("jwt_secret", random);
secret("supabase_publishable_key", () => key("anon", jwt));
secret("supabase_secret_key", () => key("service_role", jwt));
secret("supabase_db_url", () => `postgresql://postgres:${postgres}@db:5432/postgres`);
secret("authenticator_url", () => `postgres://authenticator:${postgres}@db:5432/postgres`);
secret("redis_url", () => `redis://:${redis}@redis:6379`);
secret("audit_hash_key", random);
secret("grafana_password", random);
