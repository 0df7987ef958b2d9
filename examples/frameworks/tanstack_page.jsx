/**
 * Orders by TanStack Query: tRPC's own integration takes `weir.api`, the typed tRPC client.
 *
 * The page is opened with `#url=…&key=…&store=…` behind its address. Its element `app` is filled.
 */
import { createRoot } from "react-dom/client";
import { QueryClient, QueryClientProvider, useMutation, useQuery } from "@tanstack/react-query";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { createWeirClient, weirErrorOf } from "weir-client";

const link = new URLSearchParams(location.hash.slice(1));
const weir = createWeirClient({ url: link.get("url"), token: link.get("key") });
const queryClient = new QueryClient();
const trpc = createTRPCOptionsProxy({ client: weir.api, queryClient });

function Orders({ storeId }) {
  const orders = trpc.orders.list.queryOptions({ storeId });
  const { data, error, status } = useQuery(orders);
  const refresh = () => queryClient.invalidateQueries({ queryKey: orders.queryKey });
  const cancel = useMutation(trpc.orders.cancel.mutationOptions({ onSuccess: refresh }));
  return (
    <>
      <p role="status">{error ? weirErrorOf(error).reason : status}</p>
      <ul>
        {data?.orders.map(({ orderId, idempotencyKey, status }) => (
          <li key={orderId}>
            {idempotencyKey}: {status}{" "}
            <button type="button" onClick={() => cancel.mutate({ storeId, orderId })}>
              Cancel
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

createRoot(document.getElementById("app")).render(
  <QueryClientProvider client={queryClient}>
    <Orders storeId={link.get("store")} />
  </QueryClientProvider>,
);
