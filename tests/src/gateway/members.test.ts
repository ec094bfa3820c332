import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { sluice } from "../support/cli.js";
import { createGatewayFixture, type GatewayFixture, type Person } from "./support.js";

let g: GatewayFixture;
beforeAll(async () => {
  g = await createGatewayFixture();
});
afterAll(() => g?.destroy());

/** An organization of its own, with one member of each of these roles. */
async function newOrganization<R extends "owner" | "admin" | "member" | "viewer">(...roles: R[]) {
  const tenant = await g.newTenant();
  const { organizationId } = tenant.scope;
  const people = {} as Record<R, Person>;
  for (const role of roles) people[role] = await g.newPerson(role, organizationId);
  return { ...tenant, organizationId, people };
}
/** Gives a person an account in Supabase Auth, under their id. */
async function account(person: Person, email: string): Promise<void> {
  await g.pipeline.supabase.query(
    "insert into auth.users (id, aud, role, email, email_confirmed_at, created_at, updated_at) values ($1, 'authenticated', 'authenticated', $2, now(), now(), now())",
    [person.id, email],
  );
}
const change = (who: Person, id: string, role: string) => g.call(`/v1/members/${id}`, { ...who.as, json: { role } });
const remove = (who: Person, id: string) => g.call(`/v1/members/${id}`, { ...who.as, method: "DELETE" });
const invite = (who: Person, json: object) => g.call("/v1/invitations", { ...who.as, json });
const accept = (who: Person, token: string) => g.call("/v1/invitations/accept", { ...who.as, json: { token } });

describe("members", () => {
  it("are listed with what they are", async () => {
    const { people } = await newOrganization("owner", "viewer");
    const email = `${randomUUID()}@example.org`;
    await account(people.viewer, email);
    const { body } = await g.call("/v1/members", people.owner.as);
    expect(body.items).toEqual([
      { id: people.viewer.id, email, role: "viewer", createdAt: expect.any(String) },
      { id: people.owner.id, email: null, role: "owner", createdAt: expect.any(String) },
    ]);
  });

  it("are changed and removed by admins, at once; owners by owners only", async () => {
    const { people } = await newOrganization("owner", "admin", "member");
    const { owner, admin, member } = people;
    expect((await change(admin, member.id, "viewer")).status).toBe(204);
    expect((await g.call("/v1/batches", { ...member.as, json: { name: "x" } })).status).toBe(403);
    for (const answer of [
      await change(admin, member.id, "owner"),
      await change(admin, owner.id, "viewer"),
      await remove(admin, owner.id),
    ])
      expect(answer).toMatchObject({ status: 403, body: { code: "role_exceeded" } });
    expect((await remove(admin, member.id)).status).toBe(204);
    expect((await g.call("/v1/documents", member.as)).status).toBe(403);
    expect((await remove(admin, member.id)).status).toBe(404);
    expect((await change(owner, admin.id, "owner")).status).toBe(204);
    expect((await remove(owner, admin.id)).status).toBe(204);
  });

  it("may go by themselves, but not send others away", async () => {
    const { people } = await newOrganization("owner", "member", "viewer");
    expect((await remove(people.viewer, people.member.id)).status).toBe(403);
    expect((await remove(people.viewer, people.viewer.id)).status).toBe(204);
    expect((await g.call("/v1/documents", people.viewer.as)).status).toBe(403);
  });

  it("never lose their last owner, not even of two who go at once", async () => {
    const { people, organizationId } = await newOrganization("owner", "admin");
    for (const answer of [
      await change(people.owner, people.owner.id, "admin"),
      await remove(people.owner, people.owner.id),
    ])
      expect(answer).toMatchObject({ status: 409, body: { code: "last_owner" } });
    const second = await g.newPerson("owner", organizationId);
    const both = await Promise.all([remove(people.owner, people.owner.id), remove(second, second.id)]);
    expect(both.map(({ status }) => status).sort()).toEqual([204, 409]);
    for (const statement of [
      "update sluice.memberships set role = 'viewer' where organization_id = $1",
      "delete from sluice.memberships where organization_id = $1",
    ])
      await expect(g.pipeline.supabase.query(statement, [organizationId])).rejects.toMatchObject({ code: "23514" });
    await g.pipeline.supabase.query("delete from sluice.organizations where id = $1", [organizationId]);
  });

  it("are not changed by a key beyond what an admin may", async () => {
    const { people, key } = await newOrganization("owner", "member");
    const at = `/v1/members/${people.member.id}`;
    expect(await g.call(at, { key, json: { role: "owner" } })).toMatchObject({ body: { code: "role_exceeded" } });
    expect((await g.call(at, { key, json: { role: "viewer" } })).status).toBe(204);
  });

  it("of another organization are not there", async () => {
    const [one, two] = [await newOrganization("owner"), await newOrganization("owner", "member")];
    expect((await change(one.people.owner, two.people.member.id, "viewer")).status).toBe(404);
    expect((await remove(one.people.owner, two.people.member.id)).status).toBe(404);
  });
});

describe("an invitation", () => {
  it("makes whom it is for a member, once", async () => {
    const { people, organizationId } = await newOrganization("admin");
    const [guest, thief] = [await g.newPerson(), await g.newPerson()];
    const email = `${randomUUID()}@Example.org`;
    await account(guest, email.toLowerCase());
    await account(thief, `${randomUUID()}@example.org`);
    const made = await invite(people.admin, { email, role: "member" });
    expect(made).toMatchObject({
      status: 201,
      body: { state: "open", token: expect.stringMatching(/^sli_[\w-]{43}$/) },
    });
    const { token, id } = made.body;
    const [row] = await g.pipeline.supabase.query<{ text: string }>(
      "select to_jsonb(i)::text as text from sluice.invitations i where id = $1",
      [id],
    );
    expect(row?.text).not.toContain(token);
    const invalid = { status: 400, body: { code: "invitation_invalid" } };
    expect(await accept(thief, token)).toMatchObject(invalid);
    expect(await accept(guest, `${token}x`)).toMatchObject(invalid);
    expect(await accept(guest, token)).toMatchObject({ status: 200, body: { organizationId, role: "member" } });
    expect(await accept(guest, token)).toMatchObject(invalid);
    expect((await g.call("/v1/documents", guest.as)).status).toBe(200);
    expect((await g.call("/v1/organizations", guest.as)).body.items).toEqual([
      { id: organizationId, name: "test", role: "member" },
    ]);
    const { body } = await g.call("/v1/invitations", people.admin.as);
    expect(body.items).toMatchObject([{ id, state: "accepted" }]);
    expect(JSON.stringify(body)).not.toContain(token);
  });

  it("is good for nothing when it is over, withdrawn, or its maker may make it no more", async () => {
    const { people } = await newOrganization("owner", "admin");
    const guest = await g.newPerson();
    const email = `${randomUUID()}@example.org`;
    await account(guest, email);
    const tokens = [];
    for (let i = 0; i < 3; i++) tokens.push((await invite(people.admin, { email, role: "viewer" })).body);
    const [over, withdrawn, orphan] = tokens;
    await g.pipeline.supabase.query("update sluice.invitations set expires_at = now() where id = $1", [over.id]);
    await g.call(`/v1/invitations/${withdrawn.id}`, { ...people.admin.as, method: "DELETE" });
    await remove(people.owner, people.admin.id);
    for (const { token } of [over, withdrawn, orphan]) expect((await accept(guest, token)).status).toBe(400);
    expect((await g.call("/v1/documents", guest.as)).status).toBe(403);
  });

  it("makes an owner only if an owner invites", async () => {
    const { people, key } = await newOrganization("owner", "admin");
    const json = { email: "next@example.org", role: "owner" };
    expect(await invite(people.admin, json)).toMatchObject({ status: 403, body: { code: "role_exceeded" } });
    expect((await g.call("/v1/invitations", { key, json })).status).toBe(403);
    expect((await invite(people.owner, json)).status).toBe(201);
  });

  it("changes nothing of who is a member already", async () => {
    const { people } = await newOrganization("owner", "admin");
    const email = `${randomUUID()}@example.org`;
    await account(people.admin, email);
    const { token } = (await invite(people.owner, { email, role: "viewer" })).body;
    expect(await accept(people.admin, token)).toMatchObject({ status: 200, body: { role: "admin" } });
  });
});

it("sluice member lists, sets and removes, but for the last owner", async () => {
  const { people, organizationId } = await newOrganization("owner", "viewer");
  const { supabase } = g.pipeline;
  const env = { SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.secretKey };
  const run = (...args: string[]) => sluice("/nonexistent", ["member", ...args, "--org", organizationId], { env });
  expect((await run("ls")).stdout).toContain(people.viewer.id);
  expect((await run("rm", people.viewer.id)).code).toBe(0);
  expect((await run("rm", people.viewer.id)).code).toBe(1);
  for (const args of [
    ["rm", people.owner.id],
    ["set", people.owner.id, "--role", "admin"],
  ]) {
    const { code, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("last owner") });
  }
});
