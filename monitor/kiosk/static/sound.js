// What is heard when the state changes: nothing, a chime, or the words.

// Hertz, one after the other: up for a welcome, down where something is asked.
const NOTES = {
  welcome: [523.25, 659.25, 783.99],
  closer: [440, 493.88],
  look: [440],
  put_on: [587.33, 440],
  take_off: [587.33, 440],
  staff: [440, 329.63, 329.63],
};

export class Sound {
  constructor(kind) {
    this.kind = kind;
    this.context = null;
    // Browsers are mute until somebody touches the page, unless started in kiosk mode with autoplay allowed.
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => this.context?.resume().catch(() => {}));
  }

  /** Says `state`, with `words` in the language `lang`. */
  play(state, words, lang) {
    if (this.kind === "off") return;
    if (this.kind === "speech") speechSynthesis?.cancel();
    if (!(state in NOTES)) return;
    if (this.kind === "speech" && speak(words, lang)) return;
    this.chime(NOTES[state]).catch(() => {});
  }

  async chime(notes) {
    this.context ??= new AudioContext();
    if (this.context.state !== "running") {
      // Never later than a moment: a chime for what no longer holds would mislead.
      await Promise.race([this.context.resume(), new Promise((done) => setTimeout(done, 300))]);
    }
    if (this.context.state !== "running") return;
    notes.forEach((hertz, at) => this.note(hertz, this.context.currentTime + at * 0.16));
  }

  note(hertz, at) {
    const tone = new OscillatorNode(this.context, { type: "sine", frequency: hertz });
    const volume = new GainNode(this.context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.25, at + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0008, at + 0.5);
    tone.connect(volume).connect(this.context.destination);
    tone.start(at);
    tone.stop(at + 0.55);
  }
}

/** False where this browser has no voice for the language. */
function speak(words, lang) {
  const voices = globalThis.speechSynthesis?.getVoices() ?? [];
  const voice = voices.find((one) => one.localService && one.lang.toLowerCase().startsWith(lang)); // nothing leaves the machine
  if (!voice) return false;
  const saying = new SpeechSynthesisUtterance(words);
  saying.voice = voice;
  saying.lang = voice.lang;
  speechSynthesis.speak(saying);
  return true;
}
