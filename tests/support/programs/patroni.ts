/**
 * Two PostgreSQL under Patroni, which keeps its state in an etcd: the usual way to have no single
 * primary. A COMMIT waits for the other node (`synchronous_mode`).
 */
import { answersQueries } from "../../../sql/connection/bootstrap.ts";
import { connect } from "../../../sql/connection/driver.ts";
import { freePort, type ServerProcess } from "../services/server_process.ts";
import { until } from "../services/services.ts";
import { startEtcd } from "./etcd.ts";
import { NodeNetwork } from "./node_network.ts";
import { askPatroni, PatroniNode } from "./patroni_node.ts";
import { startProgram } from "./program.ts";

const SCOPE = "weir";
const LOGIN = { username: "weir", password: "weir" };
const REPLICATION = { username: "replicator", password: "replicator" };
/** Debian has the programs of each major version in a folder of its own. */
const BINARIES = "/usr/lib/postgresql";
/** The shortest that Patroni allows: a leader that is silent for so long is replaced. */
const TTL_SECONDS = 20;

export interface PatroniOptions {
  /** Settings of the cluster besides ours. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** True when a test cuts nodes off. Everything that goes to a node passes a proxy then. */
  readonly isCuttable?: boolean;
}

export interface PatroniCluster {
  readonly nodes: readonly PatroniNode[];
  /** An address with both nodes. */
  readonly url: string;
  /** The node that Patroni takes for the leader. @throws while there is none */
  leader(): Promise<PatroniNode>;
  /** The node that takes writes, once there is one other than `before`. */
  nextLeader(before: PatroniNode): Promise<PatroniNode>;
  /** The other one. */
  otherThan(node: PatroniNode): PatroniNode;
  /** Resolves when the node is a running standby. */
  follows(node: PatroniNode): Promise<void>;
  /** Resolves when the other node follows the leader in step. */
  inStep(): Promise<void>;
  switchover(): Promise<void>;
}

/** Runs `test` with a leader and a synchronous standby. */
export async function withPatroni(
  test: (cluster: PatroniCluster) => Promise<void>,
  options: PatroniOptions = {},
): Promise<void> {
  const servers: ServerProcess[] = [];
  const nodes: PatroniNode[] = [];
  const networks: NodeNetwork[] = [];
  try {
    const etcd = await startEtcd();
    servers.push(etcd);
    for (const name of ["one", "two"]) {
      const [port, restPort] = [freePort(), freePort()];
      const network = options.isCuttable ? NodeNetwork.of(port, restPort, etcd.url) : null;
      if (network !== null) networks.push(network);
      const node = await startNode({
        name,
        port,
        restPort,
        etcdUrl: etcd.url,
        network,
        ...options,
      });
      servers.push(node.server);
      nodes.push(node);
    }
    const cluster = clusterOf(nodes);
    if (options.settings?.["synchronous_mode"] !== false) await cluster.inStep();
    await test(cluster);
  } catch (error) {
    for (const node of nodes) console.info(await node.lastWords());
    throw error;
  } finally {
    for (const node of nodes) {
      node.thaw();
      await node.crash();
    }
    for (const network of networks) await network.close();
    for (const server of servers.reverse()) await server.dispose();
  }
}

function clusterOf(nodes: readonly PatroniNode[]): PatroniCluster {
  const [one, two] = nodes as [PatroniNode, PatroniNode];
  const members = async (): Promise<Member[]> => {
    for (const { restUrl } of nodes) {
      const found = await askPatroni<{ members: Member[] }>(`${restUrl}/cluster`).catch(() => null);
      if (found !== null) return found.members;
    }
    throw new Error("no node answers");
  };
  const leader = async () => {
    const found = (await members()).find(({ role }) => role === "leader");
    const node = nodes.find(({ name }) => name === found?.name);
    if (node === undefined) throw new Error("there is no leader");
    return node;
  };
  return {
    nodes,
    url: one.url.replace(/@([^/]+)/, `@$1,${new URL(two.url).host}`),
    leader,
    otherThan: (node) => node === one ? two : one,
    nextLeader: async (before) => {
      const next = before === one ? two : one;
      await until("the next leader to take writes", () => takesWrites(next), 90_000);
      return next;
    },
    follows: async ({ name }) => {
      await until(
        "the node to follow",
        async () =>
          (await members().catch(() => [])).some((member) =>
            member.name === name && member.role !== "leader" &&
            /^(running|streaming)$/.test(member.state)
          ),
        90_000,
      );
    },
    inStep: async () => {
      await until(
        "a synchronous standby",
        async () => (await members().catch(() => [])).some(({ role }) => role === "sync_standby"),
        90_000,
      );
    },
    switchover: async () => {
      const { name, restUrl } = await leader();
      await askPatroni(`${restUrl}/switchover`, { leader: name });
    },
  };
}

/** Patroni calls a node the leader before its PostgreSQL takes writes. */
async function takesWrites({ url }: PatroniNode): Promise<boolean> {
  const sql = connect(url, { max: 1 });
  try {
    const [row] = await sql<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`;
    return row?.standby === false;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

interface Member {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

interface NodePlan extends PatroniOptions {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  readonly etcdUrl: string;
  readonly network: NodeNetwork | null;
}

async function startNode(plan: NodePlan): Promise<PatroniNode> {
  const { name, port, restPort, etcdUrl, network, settings = {} } = plan;
  const url = `postgres://${LOGIN.username}:${LOGIN.password}@127.0.0.1:${port}/postgres`;
  const rest = `127.0.0.1:${restPort}`;
  const binaries = await newestBinaries();
  const server = await startProgram({
    name: "patroni",
    package: "patroni",
    url,
    files: (folder) => ({
      // YAML understands JSON.
      "patroni.yml": JSON.stringify({
        scope: SCOPE,
        name,
        restapi: {
          listen: rest,
          connect_address: `127.0.0.1:${network?.restPort ?? restPort}`,
        },
        log: { dir: folder },
        // Not etcd3: with it Patroni 3.0 lets a leader that wakes up take the lock back, and what the
        // next leader has committed meanwhile is lost.
        // `use_proxies`: the address is used as it is, and etcd is not asked for its own.
        etcd: { host: new URL(network?.etcdUrl ?? etcdUrl).host, use_proxies: true },
        bootstrap: {
          dcs: {
            ttl: TTL_SECONDS,
            loop_wait: 2,
            retry_timeout: 3,
            synchronous_mode: true,
            ...settings,
            postgresql: { use_pg_rewind: true, parameters: { max_connections: 200 } },
          },
          initdb: [{ encoding: "UTF8" }, { locale: "C.UTF-8" }, "data-checksums"],
        },
        postgresql: {
          listen: `127.0.0.1:${port}`,
          connect_address: `127.0.0.1:${network?.replicationPort ?? port}`,
          data_dir: `${folder}/data`,
          bin_dir: binaries,
          pgpass: `${folder}/pgpass`,
          authentication: { superuser: LOGIN, replication: REPLICATION, rewind: LOGIN },
          parameters: { unix_socket_directories: folder },
          pg_hba: [
            "host replication all 127.0.0.1/32 scram-sha-256",
            "host all all 127.0.0.1/32 scram-sha-256",
            "local all all trust",
          ],
        },
      }),
    }),
    args: (folder) => [`${folder}/patroni.yml`],
    answers: () => answersQueries(url, 1_000),
    isUnprivileged: true,
    stopSignal: "SIGTERM",
  });
  return new PatroniNode(name, server, `http://${rest}`, network);
}

/** @throws Error with one line how to get them */
async function newestBinaries(): Promise<string> {
  const versions: number[] = [];
  try {
    for await (const { name } of Deno.readDir(BINARIES)) versions.push(Number(name));
  } catch {
    // none is installed
  }
  const newest = Math.max(...versions.filter(Number.isFinite));
  if (!Number.isFinite(newest)) {
    throw new Error("this test needs other programs: apt-get install postgresql");
  }
  return `${BINARIES}/${newest}/bin`;
}
