/**
 * Certificates for a PostgreSQL with TLS, made by `openssl` in a test's folder: an authority,
 * another authority, and servers with and without the right name.
 */
export interface Authority {
  /** The file of the authority's own certificate. */
  readonly file: string;
  /** Makes a certificate for `names`, such as `DNS:localhost`. @returns the paths without ending */
  issue(name: string, names: string, days?: number): Promise<string>;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority in `folder`. */
export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const base = `${folder}/${name}`;
  const own = ["-keyout", `${base}.key`, "-out", `${base}.crt`, "-subj", `/CN=${name}`];
  await openssl("req", "-x509", ...KEY, ...own, "-days", "2");
  return {
    file: `${base}.crt`,
    issue: async (subject, names, days = 2) => {
      const path = `${folder}/${subject}`;
      const request = ["-keyout", `${path}.key`, "-out", `${path}.csr`, "-subj", `/CN=${subject}`];
      await openssl("req", ...KEY, ...request);
      await Deno.writeTextFile(`${path}.ext`, `subjectAltName=${names}\n`);
      const by = ["-CA", `${base}.crt`, "-CAkey", `${base}.key`, "-CAcreateserial"];
      const to = ["-out", `${path}.crt`, "-extfile", `${path}.ext`, "-days", String(days)];
      await openssl("x509", "-req", "-in", `${path}.csr`, ...by, ...to);
      return path;
    },
  };
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args: [...args] }).output()
    .catch(() => {
      throw new Error("this test needs openssl: install it (apt-get install openssl)");
    });
  if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
}
