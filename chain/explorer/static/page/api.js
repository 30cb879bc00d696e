// The node's API. Answers of a view that has been left are dropped by their signal.

export class ApiError extends Error {}

export async function ask(path, signal) {
  let response;
  try {
    response = await fetch(`/v1${path}`, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("the node doesn't answer");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(body?.error?.message ?? `the node answered ${response.status}`);
  return body;
}

// Listens for good: the browser reconnects by itself, and each hello brings the last sentences again.
export function listen({ onHello, onBlock, onDropped, onState }) {
  let source;
  const connect = () => {
    source = new EventSource("/v1/live");
    source.addEventListener("open", () => onState("live"));
    source.addEventListener("hello", (event) => onHello(JSON.parse(event.data)));
    source.addEventListener("block", (event) => onBlock(JSON.parse(event.data)));
    source.addEventListener("dropped", (event) => onDropped(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      onState("reconnecting");
      // After an answer that is no stream the browser gives up; the node may be back soon.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
    });
  };
  connect();
}
