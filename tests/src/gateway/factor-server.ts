import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tokenOf } from "./tokens.js";

/** A server of the second factors of Supabase Auth, which Supabase Lite has not: one TOTP factor whose code is always the same. */
export interface FactorServer {
  url: string;
  factorId: string;
  code: string;
  destroy(): Promise<void>;
}

export async function startFactorServer(jwtSecret: string): Promise<FactorServer> {
  const [factorId, challengeId, code] = [randomUUID(), randomUUID(), "135790"];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text === "" ? {} : JSON.parse(text);
    const answer = (status: number, json: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(json));
    };
    const bearer = /^Bearer [^.]+\.([^.]+)\./.exec(request.headers.authorization ?? "")?.[1];
    if (bearer === undefined) return answer(401, { code: 401, error_code: "no_authorization" });
    const claims = JSON.parse(Buffer.from(bearer, "base64url").toString());
    const { url = "" } = request;
    if (url === "/auth/v1/factors")
      return answer(200, { id: factorId, type: "totp", totp: { secret: "JBSWY3DPEHPK3PXP", uri: "otpauth://totp/x" } });
    if (url === `/auth/v1/factors/${factorId}/challenge`) return answer(200, { id: challengeId, type: "totp" });
    if (url === `/auth/v1/factors/${factorId}/verify`) {
      if (body.challenge_id !== challengeId || body.code !== code)
        return answer(422, { code: 422, error_code: "mfa_verification_failed" });
      const access_token = tokenOf(claims.sub, jwtSecret, { session_id: claims.session_id, aal: "aal2" });
      return answer(200, { access_token, refresh_token: "next", expires_in: 3_600, user: { id: claims.sub } });
    }
    return answer(404, { code: 404, error_code: "mfa_factor_not_found" });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    factorId,
    code,
    async destroy() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
