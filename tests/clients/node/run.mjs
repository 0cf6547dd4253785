/** Run `flows` one after another, telling of each as a line of JSON; ends the process. */
export async function run(flows) {
  let failed = false;
  for (const [name, flow] of Object.entries(flows)) {
    const error = await flow().then(() => null, (reason) => String(reason?.stack ?? reason));
    failed ||= error !== null;
    console.log(JSON.stringify({ flow: name, error }));
  }
  process.exit(failed ? 1 : 0);
}
