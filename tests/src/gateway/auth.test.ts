import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createStore } from "@sluice/store";
import { createClient } from "@supabase/supabase-js";
import WebSocket from "ws";
import { type FactorServer, startFactorServer } from "./factor-server.js";
import { openStream } from "./sse.js";
import { type CallOptions, createGatewayFixture, type GatewayFixture } from "./support.js";
import { tokenOf } from "./tokens.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture({ AUTH_ATTEMPTS_PER_ACCOUNT: "5", GATEWAY_STREAM_RECHECK_SECONDS: "30" });
});
afterAll(() => g?.destroy());

const password = "correct horse battery";
const open = (path: string, json: object, options: CallOptions = {}) =>
  g.call(`/v1/auth/${path}`, { key: null, json, ...options });
const as = (accessToken: string): CallOptions => ({ key: null, headers: { authorization: `Bearer ${accessToken}` } });
const newEmail = () => `${randomUUID()}@example.org`;
const logIn = async (email: string, secret = password) => (await open("login", { email, password: secret })).body;

const userId = "select id from auth.users where email = $1";
async function newAccount() {
  const email = newEmail();
  expect((await open("signup", { email, password })).status).toBe(202);
  // It is answered when it is due, whether the account is made by then or not.
  let id: string | undefined;
  while (id === undefined) id = (await g.pipeline.supabase.query<{ id: string }>(userId, [email]))[0]?.id;
  const tokens = await logIn(email);
  await g.pipeline.store.tenancy.setMember(g.tenant.scope.organizationId, id, "viewer");
  return { email, id, ...tokens } as { email: string; id: string; accessToken: string; refreshToken: string };
}
const reads = async (accessToken: string) => (await g.call("/v1/documents", as(accessToken))).status;
/** What is remembered of a session is forgotten within a second; meanwhile the database refuses. */
async function isOut(accessToken: string): Promise<void> {
  for (;;) {
    const status = await reads(accessToken);
    if (status === 401) return;
    expect(status).toBe(403);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const mailed = async (email: string, column: string): Promise<string> => {
  for (;;) {
    const [row] = await g.pipeline.supabase.query<{ token: string | null }>(
      `select nullif(${column}, '') as token from auth.users where email = $1`,
      [email],
    );
    if (row !== undefined && row.token !== null) return row.token;
  }
};

describe("an account", () => {
  it("is made, entered, refreshed and left", async () => {
    const { email, accessToken, refreshToken } = await newAccount();
    expect(await reads(accessToken)).toBe(200);
    const refreshed = await open("refresh", { refreshToken });
    expect(refreshed).toMatchObject({ status: 200, body: { sessionId: expect.any(String) } });
    expect(await reads(refreshed.body.accessToken)).toBe(200);
    const other = await logIn(email);
    expect((await g.call("/v1/auth/logout", { ...as(accessToken), json: {} })).status).toBe(204);
    await isOut(accessToken);
    await isOut(refreshed.body.accessToken);
    expect((await open("refresh", { refreshToken: refreshed.body.refreshToken })).status).toBe(401);
    expect(await reads(other.accessToken)).toBe(200);
  });

  it("is logged out everywhere, its streams, too", async () => {
    const { email, accessToken } = await newAccount();
    const second = await logIn(email);
    const { id } = (await g.upload([{ bytes: `watched by ${email}` }])).body.documents[0];
    const stream = await openStream(g.urlOf(`/v1/documents/${id}/stream`), {
      authorization: `Bearer ${second.accessToken}`,
    });
    await stream.next();
    const { body } = await g.call("/v1/auth/sessions", as(accessToken));
    expect(body.items).toHaveLength(2);
    await g.call("/v1/auth/logout", { ...as(accessToken), json: { which: "all" } });
    expect((await stream.until("end")).at(-1)).toMatchObject({ data: { reason: "refused" } });
    await isOut(accessToken);
    await isOut(second.accessToken);
  });

  it("ends one of its sessions by its id, and nobody else's", async () => {
    const { email, accessToken } = await newAccount();
    const second = await logIn(email);
    const stranger = await newAccount();
    const end = (token: string) => g.call(`/v1/auth/sessions/${second.sessionId}`, { ...as(token), method: "DELETE" });
    expect((await end(stranger.accessToken)).status).toBe(404);
    expect(await reads(second.accessToken)).toBe(200);
    expect((await end(accessToken)).status).toBe(204);
    await isOut(second.accessToken);
    expect(await reads(accessToken)).toBe(200);
  });

  it("is left when nothing is asked for long enough, and is not kept by refreshing", async () => {
    const { accessToken, refreshToken, ...rest } = await newAccount();
    expect(await reads(accessToken)).toBe(200);
    await g.pipeline.supabase.query("update sluice.sessions set idle_ends_at = now() where user_id = $1", [rest.id]);
    expect((await open("refresh", { refreshToken })).status).toBe(401);
    await isOut(accessToken);
  });

  it("puts the idle end off by being used, but not its last end", async () => {
    const { id, accessToken } = await newAccount();
    await g.pipeline.supabase.query(
      "update sluice.sessions set last_seen_at = now() - interval '1 minute', idle_ends_at = now() + interval '1 minute' where user_id = $1",
      [id],
    );
    const idle = async () =>
      (
        await g.pipeline.supabase.query<{ put_off: boolean }>(
          "select idle_ends_at > now() + interval '5 minutes' as put_off from sluice.sessions where user_id = $1",
          [id],
        )
      )[0]?.put_off;
    expect(await idle()).toBe(false);
    expect(await reads(accessToken)).toBe(200);
    expect(await idle()).toBe(true);
    await g.pipeline.supabase.query("update sluice.sessions set ends_at = now() where user_id = $1", [id]);
    await isOut(accessToken);
  });

  it("can't be entered past the gateway: a session that Supabase gave out by itself is refused", async () => {
    const { email, id } = await newAccount();
    const { supabase } = g.pipeline;
    const direct = createClient(supabase.url, supabase.publishableKey, {
      auth: { persistSession: false, autoRefreshToken: false },
      realtime: { transport: WebSocket as never },
    });
    const { data } = await direct.auth.signInWithPassword({ email, password });
    expect(data.user?.id).toBe(id);
    expect(await reads(data.session?.access_token ?? "")).toBe(401);
    expect((await open("refresh", { refreshToken: data.session?.refresh_token ?? "" })).status).toBe(401);
  });
});

describe("a password", () => {
  it("is changed by whoever knows it, which ends the other sessions", async () => {
    const { email, accessToken } = await newAccount();
    const other = await logIn(email);
    const change = (json: object) => g.call("/v1/auth/password", { ...as(accessToken), json });
    const newPassword = "another long password";
    expect(await change({ password: "wrong wrong wrong", newPassword })).toMatchObject({
      status: 401,
      body: { code: "credentials_invalid" },
    });
    expect((await change({ password, newPassword: "short" })).status).toBe(400);
    expect((await change({ password, newPassword: "ü".repeat(40) })).status).toBe(400);
    expect((await change({ password, newPassword })).status).toBe(204);
    await isOut(other.accessToken);
    expect(await reads(accessToken)).toBe(200);
    expect((await open("login", { email, password })).status).toBe(401);
    expect((await open("login", { email, password: newPassword })).status).toBe(200);
  });

  it("is reset once by what was mailed, which ends all sessions", async () => {
    const { email, accessToken } = await newAccount();
    expect((await open("recover", { email })).status).toBe(202);
    const tokenHash = await mailed(email, "recovery_token");
    const reset = () => open("reset", { tokenHash, password: "a password of its own" });
    expect((await reset()).status).toBe(204);
    await isOut(accessToken);
    expect(await reset()).toMatchObject({ status: 400, body: { code: "mailed_token_invalid" } });
    expect((await open("login", { email, password: "a password of its own" })).status).toBe(200);
  });
});

it("an address is changed when its mail is confirmed, by whoever knows the password", async () => {
  const { email, accessToken } = await newAccount();
  const next = newEmail();
  const change = (json: object) => g.call("/v1/auth/email", { ...as(accessToken), json });
  expect((await change({ email: next, password: "wrong wrong wrong" })).status).toBe(401);
  expect((await change({ email: next, password })).status).toBe(202);
  expect((await open("login", { email: next, password })).status).toBe(401);
  const tokenHash = await mailed(email, "email_change_token_current");
  expect((await open("confirm", { type: "email_change", tokenHash: `${tokenHash}0` })).status).toBe(400);
  expect((await open("confirm", { type: "email_change", tokenHash })).status).toBe(204);
  expect((await open("login", { email: next, password })).status).toBe(200);
});

describe("who is no member of anything", () => {
  it("learns nothing of who is", async () => {
    const { email } = await newAccount();
    const bare = ({ status, body, headers }: Awaited<ReturnType<typeof open>>) => {
      const { requestId: _, ...rest } = body;
      return { status, body: rest, type: headers.get("content-type") };
    };
    const wrong = "not the password at all";
    for (const [path, more] of [
      ["login", { password: wrong }],
      ["signup", { password: wrong }],
      ["recover", {}],
    ] as const) {
      const known = bare(await open(path, { email, ...more }));
      expect(bare(await open(path, { email: newEmail(), ...more }))).toEqual(known);
    }
    expect((await open("login", { email, password })).status).toBe(200);
  });

  it("is locked out after too many tries, the right password included, whether there is such an account or not", async () => {
    const { email } = await newAccount();
    for (const target of [email, newEmail()]) {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await open("login", { email: target, password: `guess number ${i}` }));
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 429]);
      expect(answers[5]).toMatchObject({ body: { code: "too_many_attempts" } });
      expect(Number(answers[5]?.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await open("login", { email: target.toUpperCase(), password })).status).toBe(429);
    }
    const rows = await g.pipeline.supabase.query<{ key: string }>("select key from sluice.attempts");
    expect(rows.length).toBeGreaterThan(1);
    for (const { key } of rows) expect(key).toMatch(/^[0-9a-f]{64}$/);
    await g.pipeline.supabase.query("update sluice.attempts set locked_until = now() where locked_until is not null");
    expect((await open("login", { email, password })).status).toBe(200);
  });

  it("does not get more tries by making them at once", async () => {
    const { email } = await newAccount();
    const tries = Array.from({ length: 20 }, (_, i) => open("login", { email, password: `guess number ${i}` }));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  });

  it("is locked out by address, whichever accounts it tries and whichever gateway it asks", async () => {
    const gateways = [];
    // Of its own range, which no other test's tries are counted by.
    const env = { AUTH_ATTEMPTS_PER_ADDRESS: "6", TRUST_PROXY: "loopback" };
    for (let i = 0; i < 2; i++) gateways.push(await g.newGateway(env));
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const gateway = gateways[i % 2];
      const headers = { "x-forwarded-for": `2001:db8:77:1::${i}` };
      const url = `http://127.0.0.1:${gateway?.port}/v1/auth/login`;
      statuses.push((await g.call(url, { key: null, json: { email: newEmail(), password }, headers })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
    for (const gateway of gateways) await gateway.destroy();
  });

  it("can't sign up where that is closed", async () => {
    const gateway = await g.newGateway({ AUTH_SIGNUP: "closed" });
    const email = newEmail();
    const url = `http://127.0.0.1:${gateway.port}/v1/auth/signup`;
    expect(await g.call(url, { key: null, json: { email, password } })).toMatchObject({
      status: 403,
      body: { code: "signup_closed" },
    });
    await gateway.destroy();
    expect(await g.pipeline.supabase.query("select 1 from auth.users where email = $1", [email])).toEqual([]);
  });

  it("is written down for the organization of the account", async () => {
    const { email, id } = await newAccount();
    await open("login", { email, password: "not the password" });
    const rows = await g.pipeline.supabase.query(
      "select action, result from sluice.audit_log where organization_id = $1 and actor_id = $2 and action like 'session.%' order by id",
      [g.tenant.scope.organizationId, id],
    );
    expect(rows).toEqual([{ action: "session.open", result: "refused" }]);
  });
});

it("keys are not people", async () => {
  for (const path of ["/v1/auth/sessions", "/v1/auth/mfa/factors"]) expect((await g.call(path)).status).toBe(401);
  expect((await g.call("/v1/auth/logout", { json: { which: "all" } })).status).toBe(401);
});

it("addresses, passwords and tokens are in no log", async () => {
  const { email, accessToken, refreshToken } = await newAccount();
  await open("login", { email, password: "a wrong guess at it" });
  await open("refresh", { refreshToken });
  const log = g.pipeline.logs.join("");
  expect(log).toContain("/v1/auth/login");
  for (const secret of [email, password, "a wrong guess at it", accessToken, refreshToken])
    expect(log).not.toContain(secret);
});

describe("second factors", () => {
  let server: FactorServer;
  beforeAll(async () => {
    server = await startFactorServer(g.pipeline.supabase.jwtSecret);
  });
  afterAll(() => server?.destroy());

  it("are required of owners and admins, and of nobody else", async () => {
    const gateway = await g.newGateway({ AUTH_MFA: "required" });
    const url = `http://127.0.0.1:${gateway.port}/v1/documents`;
    for (const role of ["owner", "admin", "member", "viewer"] as const) {
      const { id, sessionId, as: plain } = await g.newPerson(role);
      const powerful = role === "owner" || role === "admin";
      expect(await g.call(url, plain)).toMatchObject(
        powerful ? { status: 403, body: { code: "mfa_required" } } : { status: 200 },
      );
      const second = tokenOf(id, g.pipeline.supabase.jwtSecret, { session_id: sessionId, aal: "aal2" });
      expect((await g.call(url, as(second))).status).toBe(200);
      const first = tokenOf(id, g.pipeline.supabase.jwtSecret, { session_id: sessionId, aal: "aal1" });
      expect((await g.call(url, as(first))).status).toBe(powerful ? 403 : 200);
    }
    await gateway.destroy();
  });

  it("are said not to be there by a Supabase that has none", async () => {
    const { accessToken } = await newAccount();
    expect(await g.call("/v1/auth/mfa/factors", { ...as(accessToken), json: {} })).toMatchObject({
      status: 501,
      body: { code: "mfa_unsupported" },
    });
  });

  it("are enrolled and verified as hosted Supabase has them, and guesses are counted", async () => {
    const { supabase, store } = g.pipeline;
    const accounts = createStore({ url: server.url, secretKey: supabase.secretKey }).accounts;
    const env = { AUTH_MFA: "required", AUTH_ATTEMPTS_PER_ACCOUNT: "3" };
    const gateway = await g.newGateway(env, { store: { ...store, accounts } });
    const at = (path: string) => `http://127.0.0.1:${gateway.port}${path}`;
    const admin = await g.newPerson("admin");
    const made = await g.call(at("/v1/auth/mfa/factors"), { ...admin.as, json: { name: "phone" } });
    expect(made).toMatchObject({ status: 201, body: { id: server.factorId, secret: expect.any(String) } });
    const verify = (code: string) =>
      g.call(at(`/v1/auth/mfa/factors/${server.factorId}/verify`), { ...admin.as, json: { code } });
    expect((await verify("000000")).status).toBe(401);
    const verified = await verify(server.code);
    expect(verified).toMatchObject({ status: 200, body: { sessionId: admin.sessionId } });
    expect((await g.call(at("/v1/documents"), admin.as)).status).toBe(403);
    expect((await g.call(at("/v1/documents"), as(verified.body.accessToken))).status).toBe(200);
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await verify("000000")).status);
    expect(statuses).toEqual([401, 401, 401, 429]);
    expect((await verify(server.code)).status).toBe(429);
    await gateway.destroy();
  });
});
