import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from "jose";
import { createTokenVerifier } from "./tokens.js";

const userId = "6f1c1f3a-6f0a-4a56-8a3c-2f5b3f0c9a11";

describe("tokens signed with a key that Supabase publishes", () => {
  let server: Server;
  let keys: GenerateKeyPairResult;
  let supabaseUrl: string;
  beforeEach(async () => {
    keys = await generateKeyPair("ES256");
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256" }] };
    server = createServer((request, response) => {
      const found = request.url === "/auth/v1/.well-known/jwks.json";
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
      response.end(found ? JSON.stringify(jwks) : "{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    supabaseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const sign = (audience = "authenticated", issuer = "https://auth.example") =>
    new SignJWT({ role: "authenticated" })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setSubject(userId)
      .setAudience(audience)
      .setIssuer(issuer)
      .setExpirationTime("1h")
      .sign(keys.privateKey);

  it("are let in, with when they end", async () => {
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated", issuer: "https://auth.example" });
    const holder = await verify(await sign());
    expect(holder.userId).toBe(userId);
    expect(holder.expiresAt.getTime()).toBeGreaterThan(Date.now() + 3_590_000);
  });

  it("name this Supabase as their issuer, where another is not configured", async () => {
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated" });
    const own = `${supabaseUrl.replace(/\/$/, "")}/auth/v1`;
    expect(await verify(await sign("authenticated", own))).toMatchObject({ userId });
    await expect(verify(await sign())).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("are refused before their time and after it, give or take the skew", async () => {
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated" });
    const at = (claims: { nbf?: number; exp: number }) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setSubject(userId)
        .setAudience("authenticated")
        .sign(keys.privateKey);
    const now = Math.floor(Date.now() / 1_000);
    expect(await verify(await at({ exp: now + 60, nbf: now }))).toMatchObject({ userId });
    for (const claims of [{ exp: now - 60 }, { exp: now + 600, nbf: now + 60 }])
      await expect(verify(await at(claims))).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("say by which session, and whether a second factor was given", async () => {
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated" });
    const saying = (claims: object) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setSubject(userId)
        .setAudience("authenticated")
        .setExpirationTime("1h")
        .sign(keys.privateKey);
    expect(await verify(await saying({ session_id: userId.toUpperCase(), aal: "aal2" }))).toMatchObject({
      sessionId: userId,
      hasSecondFactor: true,
    });
    for (const claims of [{}, { session_id: 7, aal: ["aal2"] }, { session_id: "x", aal: "aal1" }])
      expect(await verify(await saying(claims))).toMatchObject({ sessionId: null, hasSecondFactor: false });
  });

  it("are refused for another audience, another issuer, or another key", async () => {
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated", issuer: "https://auth.example" });
    const refused = { code: "unauthenticated" };
    await expect(verify(await sign("anon"))).rejects.toMatchObject(refused);
    await expect(verify(await sign("authenticated", "https://elsewhere.example"))).rejects.toMatchObject(refused);
    const token = await sign();
    keys = await generateKeyPair("ES256");
    const [head, body] = token.split(".");
    await expect(verify(`${head}.${body}.${(await sign()).split(".")[2]}`)).rejects.toMatchObject(refused);
  });

  it("are not taken for tokens signed with the secret, nor the other way round", async () => {
    const secret = "a secret of some length";
    const hs256 = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(userId)
      .setAudience("authenticated")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret));
    const options = { supabaseUrl, audience: "authenticated" };
    expect(await createTokenVerifier({ ...options, secret })(hs256)).toMatchObject({ userId });
    const both = { ...options, secret, issuer: "https://auth.example" };
    expect(await createTokenVerifier(both)(await sign())).toMatchObject({ userId });
    await expect(createTokenVerifier(options)(hs256)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("are an outage, not a refusal, when the keys can't be had", async () => {
    const token = await sign();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const verify = createTokenVerifier({ supabaseUrl, audience: "authenticated" });
    await expect(verify(token)).rejects.toMatchObject({ code: "database_unavailable" });
  });
});
