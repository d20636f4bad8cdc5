"""What the widget of the learner's own Docker Engine says, in each language."""

from __future__ import annotations

from lab.widgets.texts import Table

OWN_DOCKER: Table = {
    "en": {
        "title": "The loop on your own Docker",
        "looking": "Looking for a Docker Engine of yours …",
        "none": "No Docker Engine of yours answers here. These places were looked at:",
        "none_help": "Where there is one (Docker Desktop, or Docker Engine on Linux), the steps below "
        "are done twice, here and there, and compared.",
        "in_use": "The lab uses your own Docker Engine already, so there is no second one to compare "
        "it with. Type the commands below: they are the same.",
        "found": "Found, and not touched until you choose it. The loop makes a container, an image and "
        "a registry whose names begin with `lab-loop`, and removes them again.",
        "go": "Go through the loop on {name}",
        "at": "at {address}",
        "again": "Look again",
        "running": "The loop is running. What it makes is removed at its end.",
        "done": "Done, and removed again on both sides. {same} of {all} steps were the same to the letter.",
        "failed": "It did not go to its end. What it had made is removed, as far as it could be.",
        "steps": "The steps of the loop",
        "lab": "the lab",
        "own": "your Docker",
        "step_base": "Both need the same base: the lab's image is sent over",
        "step_build": "Build an image",
        "step_push": "Push it to a registry that runs as a container",
        "step_run": "Run a container",
        "step_page": "Ask for its page",
        "step_logs": "Read its log",
        "step_stop": "Stop it",
        "step_remove": "Remove it",
        "state_waiting": "not done",
        "state_running": "running",
        "state_same": "the same",
        "state_different": "different",
        "state_failed": "failed",
        "state_skipped": "left out",
        "skipped": "Neither side may fetch a registry from the internet, and the lab's Hub has none.",
        "words": "TIME, ADDRESS, PORT and N stand for what differs each time, on one engine too.",
        "both": "on both",
    },
    "ko": {
        "title": "여러분의 Docker에서 해 보는 전체 과정",
        "looking": "여러분의 Docker Engine을 찾는 중 …",
        "none": "여기서 응답하는 여러분의 Docker Engine이 없습니다. 다음 자리를 살펴보았습니다.",
        "none_help": "Docker Desktop이나 Linux용 Docker Engine이 있는 곳에서는 아래 단계를 양쪽에서 한 "
        "번씩 실행하고 비교합니다.",
        "in_use": "실습실이 이미 여러분의 Docker Engine을 쓰고 있으므로 비교할 다른 엔진이 없습니다. "
        "아래 명령을 직접 입력해 보십시오. 명령은 똑같습니다.",
        "found": "찾았습니다. 여러분이 선택하기 전에는 건드리지 않습니다. 이름이 `lab-loop`로 시작하는 "
        "컨테이너와 이미지와 레지스트리를 만들고, 끝나면 다시 삭제합니다.",
        "go": "{name}에서 전체 과정 실행하기",
        "at": "{address}",
        "again": "다시 찾기",
        "running": "실행하는 중입니다. 만든 것은 끝날 때 삭제합니다.",
        "done": "끝났고, 양쪽에서 다시 삭제했습니다. {all}단계 가운데 {same}단계가 글자까지 같았습니다.",
        "failed": "끝까지 가지 못했습니다. 만든 것은 할 수 있는 만큼 삭제했습니다.",
        "steps": "전체 과정의 단계",
        "lab": "실습실",
        "own": "여러분의 Docker",
        "step_base": "같은 베이스가 필요하므로 실습실의 이미지를 보냅니다",
        "step_build": "이미지 빌드",
        "step_push": "컨테이너로 실행한 레지스트리에 푸시",
        "step_run": "컨테이너 실행",
        "step_page": "페이지 요청",
        "step_logs": "로그 읽기",
        "step_stop": "중지",
        "step_remove": "삭제",
        "state_waiting": "아직 안 함",
        "state_running": "실행하는 중",
        "state_same": "같음",
        "state_different": "다름",
        "state_failed": "실패",
        "state_skipped": "건너뜀",
        "skipped": "인터넷에서 레지스트리 이미지를 가져올 수 없고, 실습실 Hub에도 없습니다.",
        "words": "TIME, ADDRESS, PORT, N은 같은 엔진에서도 매번 달라지는 것을 대신하는 말입니다.",
        "both": "양쪽 모두",
    },
}
