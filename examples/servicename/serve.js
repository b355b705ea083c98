// Listening, and a graceful end.

/** Listens until SIGTERM or SIGINT, then resolves once what is in flight has been answered, or after 8 s. */
export async function serveUntilSignal(serversAndPorts) {
  for (const [server, port] of serversAndPorts) {
    server.listen(port, () => console.log(`listening on ${port}`));
  }
  console.log(`${await signalled()}: finishing`);
  await Promise.all(serversAndPorts.map(([server]) => closed(server)));
}

function signalled() {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, resolve);
  });
}

async function closed(server) {
  const done = new Promise((resolve) => server.close(resolve));
  // close() ends only the connections that are idle just now, not those that become so with their next answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const hurry = setTimeout(() => server.closeAllConnections(), 8000);
  await done;
  clearInterval(sweep);
  clearTimeout(hurry);
}
