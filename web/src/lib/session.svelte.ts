/** Who is signed in, in which project, with which preferences. */

import { api, ApiError, whenSignedOut } from "./api/client";
import type { Membership, Preferences, Session } from "./api/types";
import { setNotation } from "./format.svelte";
import { currentLanguage, nearest, setLanguage, type Language } from "./i18n/index.svelte";

type Standing = "loading" | "in" | "out" | "unreachable";

const THEME = "tramontane.theme";

class SessionState {
  standing = $state<Standing>("loading");
  current = $state.raw<Session | null>(null);
  #projectId = $state<string | null>(null);

  /** Ask who is signed in. */
  async load(): Promise<void> {
    try {
      await this.adopt(await api.get<Session>("/session"));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.lose();
      else this.standing = "unreachable";
    }
  }

  /** Go on as `session` says: after signing in, or accepting an invitation. */
  async adopt(session: Session): Promise<void> {
    const { member } = session;
    setNotation(member.preferences.notation);
    setTheme(member.preferences.theme ?? "system");
    const language = nearest([member.language]);
    if (language !== currentLanguage()) await setLanguage(language);
    this.current = session;
    this.standing = "in";
  }

  /** Nobody is signed in any more. */
  lose(): void {
    this.current = null;
    this.#projectId = null;
    this.standing = "out";
  }

  async signOut(): Promise<void> {
    await api.delete("/session");
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("tramontane.draft")) localStorage.removeItem(key);
    }
    this.lose();
  }

  /** The project that new conversations are paid by. */
  get project(): Membership | null {
    const session = this.current;
    if (!session) return null;
    const wanted = this.#projectId ?? session.member.preferences.default_project_id;
    return (
      session.projects.find((project) => project.id === wanted) ??
      session.projects.find((project) => !project.closed_reason) ??
      session.projects[0] ??
      null
    );
  }

  chooseProject(id: string): void {
    this.#projectId = id;
  }

  get preferences(): Preferences {
    return this.current?.member.preferences ?? {};
  }

  get isAdmin(): boolean {
    return this.current?.member.is_admin ?? false;
  }

  /** Whether they look after that project: its people, its keys. */
  manages(projectId: string): boolean {
    return this.isAdmin || (this.current?.projects ?? []).some(({ id, role }) => id === projectId && role === "manager");
  }

  /** Change some preferences, here at once, and for good. */
  async prefer(changes: Partial<Preferences>): Promise<void> {
    const session = this.current;
    if (!session) return;
    const preferences = { ...session.member.preferences, ...changes };
    this.current = { ...session, member: { ...session.member, preferences } };
    setNotation(preferences.notation);
    setTheme(preferences.theme ?? "system");
    await api.patch("/me", { preferences });
  }

  async speak(language: Language): Promise<void> {
    await setLanguage(language);
    if (this.current) await api.patch("/me", { language });
  }
}

/** "system" follows the device. */
function setTheme(theme: "system" | "light" | "dark"): void {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(THEME);
  } else {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
  }
}

/** The theme of the last visit, before anybody is known to be signed in. */
export function recallTheme(): void {
  const theme = localStorage.getItem(THEME);
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}

export const session = new SessionState();
whenSignedOut(() => session.lose());
