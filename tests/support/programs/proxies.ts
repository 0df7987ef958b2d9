/** nginx, HAProxy and Caddy before two instances, as docs/platforms.md configures them. */
import { freePort, type ServerProcess } from "../services/server_process.ts";
import { startProgram } from "./program.ts";

export interface Backends {
  /** The ports of the instances. */
  readonly ports: readonly number[];
}

export const PROXIES: Readonly<
  Record<"nginx" | "HAProxy" | "Caddy", (backends: Backends) => Promise<ServerProcess>>
> = {
  nginx: startNginx,
  HAProxy: startHaproxy,
  Caddy: startCaddy,
};

/** True when an instance answers behind the proxy. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function startNginx({ ports }: Backends): Promise<ServerProcess> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const servers = ports.map((at) => `    server 127.0.0.1:${at} max_fails=1 fail_timeout=1s;`);
  return await startProgram({
    name: "nginx",
    package: "nginx",
    url,
    files: (folder) => ({
      "nginx.conf": `
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream weir {
${servers.join("\n")}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 2m;
    location / {
      proxy_pass http://weir;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
    }
  }
}
`,
    }),
    args: (folder) => ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`],
    answers: () => answers(url),
    isUnprivileged: true,
  });
}

async function startHaproxy({ ports }: Backends): Promise<ServerProcess> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const servers = ports.map((at, index) => `  server weir${index} 127.0.0.1:${at} check inter 500`);
  return await startProgram({
    name: "haproxy",
    package: "haproxy",
    url,
    files: () => ({
      "haproxy.cfg": `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option redispatch
frontend weir
  bind 127.0.0.1:${port}
  default_backend instances
backend instances
  balance leastconn
  option httpchk GET /readyz
${servers.join("\n")}
`,
    }),
    args: (folder) => ["-db", "-f", `${folder}/haproxy.cfg`],
    answers: () => answers(url),
    isUnprivileged: true,
  });
}

async function startCaddy({ ports }: Backends): Promise<ServerProcess> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const upstreams = ports.map((at) => `127.0.0.1:${at}`).join(" ");
  return await startProgram({
    name: "caddy",
    package: "caddy",
    url,
    files: (folder) => ({
      Caddyfile: `
{
	admin off
	auto_https off
	storage file_system ${folder}
}
http://127.0.0.1:${port} {
	reverse_proxy ${upstreams} {
		health_uri /readyz
		health_interval 500ms
		lb_try_duration 2s
		flush_interval -1
	}
}
`,
    }),
    args: (folder) => ["run", "--adapter", "caddyfile", "--config", `${folder}/Caddyfile`],
    answers: () => answers(url),
    isUnprivileged: true,
  });
}
