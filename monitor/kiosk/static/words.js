// The words of the screen: the first language large, the others below.

/** What is said before the words are there, or where they do not come. */
const EMERGENCY = {
  languages: [
    {
      name: "en",
      label: "English",
      dir: "ltr",
      words: {
        starting: { title: "One moment, please", hint: "The screen is starting." },
        no_contact: { title: "Out of order", hint: "Please ask the staff." },
      },
    },
  ],
  sound: "off",
  notice: false,
};

export class Words {
  constructor(screen = EMERGENCY) {
    this.languages = screen.languages;
  }

  /** Title and hint of `state` in one language; of a state without words, those of an outage. */
  of(language, state) {
    return language.words[state] ?? language.words.fault ?? language.words.no_contact;
  }

  get first() {
    return this.languages[0];
  }

  /** Writes the first language's words of `state` to a title and a hint. */
  writeFirst(state, title, hint) {
    const said = this.of(this.first, state);
    for (const [element, text] of [
      [title, said.title],
      [hint, said.hint],
    ]) {
      speak(element, this.first);
      element.textContent = text;
    }
    return said;
  }

  /** A list item for each other language. */
  others(state) {
    return this.languages.slice(1).map((language) => {
      const said = this.of(language, state);
      const item = document.createElement("li");
      speak(item, language);
      item.append(line("strong", said.title), " ", line("span", said.hint));
      return item;
    });
  }

  /** The notice in every language. */
  notices() {
    return this.languages.map((language) => {
      const item = line("p", language.words.notice);
      speak(item, language);
      return item;
    });
  }
}

function speak(element, language) {
  element.lang = language.name;
  element.dir = language.dir;
}

function line(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

/** What the server says of languages, sound and notice; asks until it answers. */
export async function fetchScreen() {
  for (let pause_ms = 500; ; pause_ms = Math.min(pause_ms * 2, 8000)) {
    try {
      const answer = await fetch("/static/screen.json", { cache: "no-store" });
      if (answer.ok) return await answer.json();
    } catch {
      // The program is not there yet; the stream says so on the screen.
    }
    await new Promise((done) => setTimeout(done, pause_ms));
  }
}
