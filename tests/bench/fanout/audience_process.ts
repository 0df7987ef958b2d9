/** Runs an audience (audience.ts) as a process of its own, so that it takes nothing of a server's core. */

/** The frames and bytes that an audience has had so far. */
export interface Heard {
  readonly frames: number;
  readonly bytes: number;
  /** By version: when each frame of it arrived since the last time, Unix ms. */
  readonly arrivals: Readonly<Record<string, readonly number[]>>;
}

export class Audience {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(readonly child: Deno.ChildProcess) {
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#writer = child.stdin.getWriter();
  }

  /** Resolves when all subscribers are there. */
  static async join(
    url: string,
    subscribers: number,
    token: string,
    procedure = "dashboard.live",
  ): Promise<Audience> {
    const script = "tests/bench/fanout/audience.ts";
    const target = [`${url}/trpc`, String(subscribers), token, procedure];
    const args = ["run", "--allow-net", script, ...target];
    const audience = new Audience(
      new Deno.Command(Deno.execPath(), {
        args,
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn(),
    );
    await audience.#told();
    return audience;
  }

  async heard(): Promise<Heard> {
    await this.#writer.write(new TextEncoder().encode("\n"));
    return await this.#told();
  }

  async leave(): Promise<void> {
    await this.#writer.close();
    await this.#reader.cancel();
    await this.child.status;
  }

  async #told(): Promise<Heard> {
    while (!this.#text.includes("\n")) this.#text += (await this.#reader.read()).value ?? "\n";
    const [line = "", ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    return JSON.parse(line);
  }
}
