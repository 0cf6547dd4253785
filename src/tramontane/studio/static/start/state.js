// What the parts of this page tell one another: the state they share, and what happened to it.

export const page = {
  model: null, // the name to ask for in the examples
  key: null, // the key in use
  status: null, // what the API's /status said of it
};

const happenings = new EventTarget();

/** Call `listener` with what is told of each happening of that name. */
export function when(name, listener) {
  happenings.addEventListener(name, (event) => listener(event.detail));
}

/**
 * Happenings: "models-known" and "models-changed" (by the platform's public state), "status-read"
 * and "key-accepted", "key-refused" (with the error), "key-forgotten", "billed", "gone".
 */
export function tell(name, detail) {
  happenings.dispatchEvent(new CustomEvent(name, { detail }));
}

/** Whether the key in use has that right. */
export function may(right) {
  return page.status.key.rights.includes(right);
}

/** Whether the key in use may read its project. */
export function mayRead() {
  return may("read") || may("operate");
}

/** Return the deployments that answer to a model's name. */
export function deploymentsOf(model) {
  return page.status?.deployments.filter((each) => each.models.includes(model)) ?? [];
}
