/**
 * Thousands of requests of every sort, made from the description: each answer is one that the
 * description allows, none is 500, and no order is stored that was not acknowledged.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { aPoison, refusePoison, rejected, takePoison } from "../../../support/faults/poison.ts";
import { anInput } from "../../../support/load/orders.ts";
import { type Answer, authorization } from "../../../support/load/raw_calls.ts";
import { type AnyRequest, anyRequest, type Known } from "../../../support/rest/any_request.ts";
import { ANY_STORE } from "../../../support/rest/any_value.ts";
import { Description } from "../../../support/rest/description.ts";
import { EventReader } from "../../../support/rest/event_reader.ts";
import { type InstanceTest, KEY, withInstance } from "../../../support/services/instance.ts";

const SEED = 20_261_128;
const REQUESTS = 4_000;
const PARALLEL = 8;

async function knownIn({ api, database: { sql } }: InstanceTest): Promise<Known> {
  const orderId: string[] = [];
  const id: string[] = [];
  await refusePoison(sql);
  const storeId = ANY_STORE;
  for (let count = 0; count < 10; count++) {
    orderId.push((await api.orders.place.mutate(anInput({ storeId }))).orderId);
    id.push(await rejected(api, aPoison({ storeId })));
  }
  await takePoison(sql); // so that a replay is stored
  return { storeId: [storeId], orderId, id };
}

/** The answer to a request. Of a stream that has begun, the first event is the body. */
async function answerTo(
  url: string,
  { target, method, headers, body }: AnyRequest,
): Promise<Answer> {
  const response = await fetch(`${url}${target}`, {
    method,
    headers: { ...authorization(KEY), ...headers },
    body,
  });
  const { status } = response;
  if (response.headers.get("content-type") === "text/event-stream") {
    const stream = new EventReader(response);
    // A stream that is resumed ahead of the instance has no event, and a comment now and then.
    const first = await Promise.race([stream.next(), stream.comment()]);
    await stream.close();
    const body = first === "comment" ? null : first.data;
    return { status, headers: response.headers, body, text: JSON.stringify(body) };
  }
  const text = await response.text();
  return { status, headers: response.headers, body: text === "" ? null : JSON.parse(text), text };
}

/** @throws Error when the description does not allow the answer */
function judge(description: Description, request: AnyRequest, answer: Answer): void {
  const { operationId, method } = request;
  const { status, headers, body, text } = answer;
  assert(status !== 500, `${operationId} answered 500: ${text}`);
  if (status === 405) return judgeMethod(description, request, answer);
  const asked = description.operations.filter(({ operation }) =>
    operation.operationId === operationId
  );
  const { path } = asked[0]!;
  const as = description.operations.find((one) =>
    one.path === path && one.method === (method === "HEAD" ? "GET" : method)
  );
  assert(as !== undefined, `${method} ${path} answered ${status}`);
  if (method === "HEAD") return assertEquals(text, "");
  const id = as.operation.operationId;
  if (status === 200 && headers.get("content-type") === "text/event-stream") {
    if (body !== null) description.checkEvent(id, body);
  } else description.check(id, answer);
}

/** A method that is refused is one that the description does not have. */
function judgeMethod(
  description: Description,
  { operationId, method }: AnyRequest,
  answer: Answer,
) {
  const { path } = description.operations.find(({ operation }) =>
    operation.operationId === operationId
  )!;
  const described = description.operations.filter((one) => one.path === path);
  assert(described.every((one) => one.method !== method), `${method} ${path} is described`);
  if (method !== "HEAD") description.checkSchema("Problem", answer.body);
  const allowed = answer.headers.get("allow")?.split(", ").filter((one) => one !== "HEAD");
  assertEquals(allowed, described.map((one) => one.method).sort());
}

Deno.test("thousands of requests of every sort get answers that the description allows, and no 500", () =>
  withInstance(async (instance) => {
    const { url, database: { sql } } = instance;
    const description = await Description.of(url);
    const known = await knownIn(instance);
    const requests = fc.sample(anyRequest(description, known), { numRuns: REQUESTS, seed: SEED });
    const statuses = new Map<string, number>();
    const letters = await sql<{ id: string }[]>`select order_id as id from dead_letters`;
    const acknowledged = new Set([...known.orderId, ...letters.map(({ id }) => id)]);
    const wrong: string[] = [];
    const work = async () => {
      for (let next = requests.pop(); next !== undefined; next = requests.pop()) {
        const answer = await answerTo(url, next);
        try {
          judge(description, next, answer);
        } catch (error) {
          wrong.push(`${JSON.stringify(next).slice(0, 600)}\n${error}`);
        }
        const kind = `${next.operationId} ${answer.status}`;
        statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
        if (!next.operationId.startsWith("place")) continue;
        for (const id of JSON.stringify(answer.body).matchAll(/"orderId":"([^"]+)"/g)) {
          acknowledged.add(id[1]!);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    const stored = await sql<{ id: string }[]>`select order_id as id from orders`;
    console.info(
      `${REQUESTS} requests, ${stored.length} orders: ${[...statuses].sort().join("; ")}`,
    );
    assertEquals(wrong.slice(0, 3), [], `${wrong.length} wrong answers`);
    for (const { operation: { operationId } } of description.operations) {
      const good = ["200", "201", "409"].some((status) => statuses.has(`${operationId} ${status}`));
      assert(good, `no request of ${operationId} was taken: ${JSON.stringify([...statuses])}`);
      assert(statuses.has(`${operationId} 400`), `none of ${operationId} was refused`);
    }
    assertEquals(stored.filter(({ id }) => !acknowledged.has(id)), []);
  }, { keepAliveMs: 500 }));
