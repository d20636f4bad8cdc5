// What the panel says before there is a report, and around it.

const WORDS = {
  en: {
    command: "Docker Lab: what is real here",
    caption: "Try what this place allows, and what containers get",
    category: "Docker Learning Lab",
    hub: "The lab's Hub",
    hubCaption: "Accounts, repositories, tags and layers, as at Docker Hub",
    title: "What is real here",
    lead: "Each line was tried, not looked up. Docker's isolation is made of these parts.",
    measuring: "Measuring …",
    again: "Measure again",
    failed: "This could not be measured",
    retry: "Try again",
    language: "Language",
    real: "real",
    limited: "limited",
    absent: "absent",
    works: "works here",
    refused: "cannot be had here",
    chosen: "the engine takes this one",
    running: "running now",
    none: "No sandbox works here, so the engine cannot start.",
    why: "Why",
    help: "What would give it",
    sandboxes: "Sandboxes",
    at: "Measured at {time}",
  },
  ko: {
    command: "Docker Lab: 여기서 무엇이 진짜인가",
    caption: "이 환경이 허용하는 것과 컨테이너가 받는 것을 시도해 봅니다",
    category: "Docker Learning Lab",
    hub: "실습실 Hub",
    hubCaption: "Docker Hub처럼 계정과 저장소, 태그와 레이어를 봅니다",
    title: "여기서 무엇이 진짜인가",
    lead: "각 항목은 찾아본 것이 아니라 직접 시도한 결과입니다. Docker의 격리는 이 부품들로 이루어집니다.",
    measuring: "측정하는 중 …",
    again: "다시 측정",
    failed: "측정할 수 없었습니다",
    retry: "다시 시도",
    language: "언어",
    real: "진짜",
    limited: "제한적",
    absent: "없음",
    works: "여기서 동작합니다",
    refused: "여기서는 쓸 수 없습니다",
    chosen: "엔진이 이것을 선택합니다",
    running: "지금 실행 중",
    none: "동작하는 샌드박스가 없어 엔진을 시작할 수 없습니다.",
    why: "이유",
    help: "필요한 것",
    sandboxes: "샌드박스",
    at: "{time}에 측정",
  },
};

/** The languages, by their own names. */
export const LANGUAGES = { en: "English", ko: "한국어" };

/** The language to begin with: what was chosen here before, else JupyterLab's. */
export function languageOf(locale) {
  const chosen = window.localStorage.getItem("docker-lab:language");
  const wanted = chosen ?? locale ?? document.documentElement.lang ?? "en";
  return wanted.toLowerCase().startsWith("ko") ? "ko" : "en";
}

/** Remember a choice for the next time. */
export function remember(language) {
  window.localStorage.setItem("docker-lab:language", language);
}

/** Return the text of a key, with `{name}` filled in. */
export function words(language, key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
