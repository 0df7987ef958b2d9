/**
 * The credential of a WebSocket connection: it is shown once, and `renewToken` puts another token in
 * its place.
 *
 * Tested in tests/server/router/tokens/renew_token_test.ts.
 */
import type { Connection, Context, Credential, Principal } from "../../router/context.ts";

export class ConnectionCredential implements Credential {
  principal: Principal | null = null;
  isRenewing = false;
  readonly onRenewed = new Set<() => void>();

  constructor(public token: string | null) {}

  renew(token: string, principal: Principal): void {
    this.token = token;
    this.principal = principal;
    for (const tell of this.onRenewed) tell();
  }
}

/** The connection as the check of its first credential needs it. */
interface Socket {
  /** The first credential is good. @returns true when later calls ask anew */
  known(principal: Principal): boolean;
  /** It is not, or nobody can tell. @returns true when later calls ask anew */
  refused(error: unknown, token: string | null): boolean;
}

/** The context of all calls of a connection, whose first credential is checked. */
export async function contextOf(
  { services, connection, socket, token }: Pick<Context, "services" | "token"> & {
    readonly connection: Connection;
    readonly socket: Socket;
  },
): Promise<Context> {
  const credential = new ConnectionCredential(token);
  const identified = services.auth.authenticate(token);
  const asksAnew = await identified.then(
    (principal) => {
      credential.principal = principal;
      return socket.known(principal);
    },
    (error) => socket.refused(error, token),
  );
  return {
    services,
    token,
    identified: asksAnew ? null : identified,
    connection: { ...connection, credential },
  };
}
