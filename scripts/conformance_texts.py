"""What the conformance vectors are made of: sentences of every language, characters at which rules turn."""

from __future__ import annotations

SENTENCES = {
    "arabic": (
        "كانت المكتبات القديمة مليئة بالكتب التي قرأها الطلاب في المدرسة",
        "والكاتبون يكتبون كتابهم بأقلامهم، مُحَمَّدٌ وإخوانه يلعبون في الحديقة الجميلة",
    ),
    "armenian": (
        "Երեխաները գրքեր էին կարդում դպրոցի գրադարանում",
        "Մեծագույն քաղաքների բնակիչները սիրում են իրենց փողոցներն ու այգիները",
    ),
    "azerbaijani": (
        "Uşaqlar kitabxanada köhnə kitabların səhifələrini oxuyurdular və gülürdülər",
        "İşıqlı şəhərlərin küçələrində gözəl evlər var",
    ),
    "basque": (
        "Haurrek liburutegian irakurtzen zituzten liburu zaharrak eta ederrak",
        "Etxeetako leihoetatik mendiak ikusten dira egunero",
    ),
    "bengali": (
        "ছেলেমেয়েরা গ্রন্থাগারে বসে পুরনো বইগুলি পড়ছিল এবং হাসছিল",
        "আমাদের গ্রামের নদীগুলোর জল খুব পরিষ্কার",
    ),
    "catalan": (
        "Els nens llegien els llibres vells a la biblioteca de l'escola i reien",
        "Les cançons d'aquelles dones són més boniques que les nostres; col·leccions noves",
    ),
    "chinese": (
        "孩子们在图书馆里读旧书，而且他们都很高兴。",
        "我们的城市有许多美丽的街道和公园 2024",
    ),
    "danish": (
        "Børnene læste de gamle bøger på biblioteket, og lærernes arbejde blev lettere",
        "Husenes vinduer var åbne, mens hundene løb hurtigst gennem gaderne",
    ),
    "dutch": (
        "De kinderen lazen oude boeken in de bibliotheek en lachten vrolijk",
        "Mogelijkheden en vrijheden van ondernemingen worden geëist door één van hun leden",
    ),
    "english": (
        "The children were happily reading old books in the library, and they don't stop laughing",
        "Generously skies; the dog's owners, running, runner, agreed, added, nationalities and organizations",
    ),
    "finnish": (
        "Lapset lukivat vanhoja kirjoja kirjastossa ja nauroivat järjestelmällisesti",
        "Talojensa ikkunoista näkyivät kauneimmat vuoret; kirjoittamisessaan hän onnistui",
    ),
    "french": (
        "Les enfants lisaient continuellement de vieux livres à la bibliothèque de l'école",
        "L'amitié des chevaux était majestueuse, et nous aurions voulu qu'ils fussent heureux",
    ),
    "german": (
        "Die Kinder lasen in der Bücherei die größten Bücher und lachten über ihre Häuser",
        "Straßenbahnen, Möglichkeiten und Freundschaften weißer Füße; er läuft schneller als die anderen",
    ),
    "greek": (
        "Τα παιδιά διάβαζαν τα παλιά βιβλία στη βιβλιοθήκη και γελούσαν με τους φίλους τους",
        "Οι άνθρωποι της πόλης αγαπούσαν τους ΔΡΌΜΟΥΣ και τις θάλασσες των νησιών ΣΑΣ",
    ),
    "hebrew": (
        "הילדים קראו את הספרים הישנים בספרייה של בית הספר וצחקו",
        "הבתים שלנו גדולים יותר מן הבתים שלהם",
    ),
    "hinglish": (
        "Bacche pustakalaya mein purani kitaben padh rahe the aur hans rahe the",
        "Hum log kal bazaar jaenge, kyunki the shops are open",
    ),
    "hungarian": (
        "A gyerekek a könyvtárban olvasták a régi könyveket, és nevettek a barátaikkal",
        "Házainkban gyermekeinknek szép szobáik vannak; legnagyobbak",
    ),
    "indonesian": (
        "Anak-anak membaca buku-buku tua di perpustakaan dan mereka tertawa bersama",
        "Rumah yang terbesar di kota itu adalah milik kakeknya",
    ),
    "italian": (
        "I bambini leggevano i vecchi libri nella biblioteca dell'università e ridevano",
        "Abbandonarono il castello perché l'acqua saliva velocemente; parlandone, andandosene",
    ),
    "japanese": (
        "子供たちは図書館で古い本を読んで、とても楽しそうに笑っていました。",
        "これ は ペン です。コーヒーを飲みます",
    ),
    "kazakh": (
        "Балалар кітапханада ескі кітаптарды оқып, достарымен күліп отырды және",
        "Біздің қаланың көшелері өте әдемі",
    ),
    "nepali": (
        "केटाकेटीहरू पुस्तकालयमा पुराना किताबहरू पढ्दै थिए र हाँस्दै थिए",
        "हाम्रो गाउँका घरहरू धेरै राम्रा छन्",
    ),
    "norwegian": (
        "Barna leste de gamle bøkene på biblioteket, og lærernes arbeid ble lettere",
        "Frihetens øyeblikk; hundenes eiere løp raskest gjennom gatene",
    ),
    "portuguese": (
        "As crianças liam os livros velhos na biblioteca da escola e não paravam de rir",
        "Às vezes, as construções e as ações governamentais são rapidamente esquecidas; cantávamos",
    ),
    "romanian": (
        "Copiii citeau cărțile vechi în biblioteca școlii și râdeau împreună cu prietenii lor",
        "Frumoasele străzi ale orașelor noastre, națiunilor și învățătorilor",
    ),
    "russian": (
        "Дети читали старые книги в библиотеке и весело смеялись с друзьями",
        "Ёлка стояла у бежавшего ручья; красивейшими улицами городов гуляли учительницы",
    ),
    "slovene": (
        "Otroci so v knjižnici brali stare knjige in se smejali s prijatelji",
        "Hiše naših mest so največje, čeprav žalostne",
    ),
    "spanish": (
        "Los niños leían libros viejos en la biblioteca de la escuela y se reían",
        "Cantándoselas, las canciones rápidamente olvidadas volvieron años después; habríamos querido",
    ),
    "swedish": (
        "Barnen läste de gamla böckerna på biblioteket, och lärarnas arbete blev lättare",
        "Vägarna, friheterna och hundarnas ägare sprang snabbast genom gatorna",
    ),
    "tajik": (
        "Кӯдакон дар китобхона китобҳои кӯҳнаро мехонданд ва механдиданд",
        "Кӯчаҳои шаҳри мо хеле зебо ҳастанд",
    ),
    "tamil": (
        "குழந்தைகள் நூலகத்தில் பழைய புத்தகங்களைப் படித்தார்கள் மற்றும் சிரித்தார்கள்",
        "அவர்களுக்கு மரங்கள் பிடிக்கும்; அவன் வந்தான்",
    ),
    "turkish": (
        "Çocuklar kütüphanede eski kitapları okuyor ve arkadaşlarıyla gülüyorlardı",
        "İSTANBUL'daki evlerimizden IŞIKLAR görünüyor; güzelliklerinin",
    ),
}  # fmt: skip
"""Two sentences in each language with a stopword list or a stemmer, full of inflected words."""

TRAPS = {
    "final sigma": "ΣΑΣ ΟΔΟΣ Σ ΑΣ ΑΣ. ΑΣ' 'Σ ΣΣ ΑΣΑ",
    "final sigma before marks": "ΑΣ\u0301 ΑΣ\u00adΒ ΑΣ’ ΑΣ’Β 1Σ ªΣ ΑΣ1 Α.Σ Α:Σ",
    "final sigma after joiners": "Α\u200dΣ Α\u0345Σ \u0345Σ Ⓐ\u0301Σ",
    "final sigma by newer tables": "Α\u0295Σ ΑΣ\u0295Α ΑΣ\u0897Α Α\u1acfΣ ΑΣ\U00010d4eΑ Α\u1c89Σ",
    "capitals of newer tables": "\u1c89 \ua7cb \ua7cc \ua7da \ua7dc \U00010d50 \U00010d65 \U00016ea0",
    "dotted and dotless i": "İstanbul ISPARTA ışık Iİıi İİ i\u0307",
    "sharp s": "STRASSE Straße STRAẞE ẞ ß",
    "long s and kelvin": "ſtark \u212aelvin \u212bngström",
    "titlecase letters": "ǅungla ǈ ǋ ǲ ᾈ ᾼ ΐ",
    "ligatures": "ﬁre ﬂow eﬃcient ﬀ ﬆ Ĳssel œuvre",
    "combining marks": "e\u0301cole na\u0308ive a\u0301\u0302\u0303 \u0301 x \u0308y",
    "composed letters": "école naïve ångström Ǻ ệ",
    "combining vowel signs": "हिन्दी में किताबें गाँव ക്ഷ ไทย ທ່ານ",
    "combining mark alone": "\u0301 \u0345 \u093f \u0bc1",
    "NUL": "a\0b \0 c",
    "NUL alone": "\0",
    "NUL twice": "\0 \0\0 \0",
    "control characters": "a\x01b c\x1fd e\x7ff g\x80h i\x9fj",
    "information separators": "a\x1cb c\x1dd e\x1ef g\x1fh",
    "next line": "a\x85b c\x85 d",
    "no-break spaces": "a\xa0b c\u202fd e\u2007f g\ufeffh",
    "wide spaces": "a\u2003b c\u3000d e\u205ff g\u1680h i\u180ej",
    "line separators": "a\u2028b c\u2029d",
    "zero-width characters": "a\u200bb c\u200cd e\u200df g\u2060h",
    "soft hyphen": "co\u00adoperate \u00ad",
    "directional marks": "\u200eabc\u200f \u202eabc\u202c \u2067שלום\u2069",
    "tatweel": "ـ كـــتاب ـــ محمدـ",
    "arabic marks": "مُحَمَّد مُ \u064b ٱلكتاب",
    "arabic digits": "٠١٢ ۰۱۲ 012 १२३",
    "emoji": "👩\u200d👩\u200d👧 😀 👍🏽 🇩🇪 ❤\ufe0f a😀b 1\ufe0f\u20e3",
    "circled letters": "Ⓐ ⓐbc ⓩ ⑽ ① ㊀",
    "roman numerals": "Ⅷ ⅷ Ⅻ ↀ",
    "superscripts": "x² m³ ½ ¼ ⁴ ₅ ªº",
    "modifier letters": "aᵃ ʰa ˈa ʼn ˠ",
    "mathematical letters": "𝒜 𝐁𝐜 𝟙𝟚 𝔘nicode",
    "scripts beyond the BMP": "𐐀𐐨 𞤀𞤢 𑂹 𐌰𐌹",
    "noncharacters": "a\ufffeb c\uffffd e\ufdd0f g\U0010ffffh",
    "private use": "a\ue000b \U000f0000",
    "replacement character": "a\ufffdb \ufffd",
    "tags and selectors": "a\U000e0020b c\ufe00d",
    "punctuation": "don't don’t rock-n-roll e.g. U.S.A. C++ C# .NET 3.14 1,000 a_b a·b a‧b",
    "underscores": "_ __ _a a_ a__b snake_case",
    "mixed scripts": "日本語text 한국어abc Русский123 α1β2",
    "kana marks": "々 ー ｱｲｳ ガ カ\u3099 ゝ",
    "hangul": "한글 \u1112\u1161\u11ab ㅎㅏㄴ",
    "georgian and cherokee": "Ა ა ᲐᲑ Ꭰ ꭰ",
    "turkish and lithuanian dots": "Į̇ J̇ i̇̀ Ì",
    "greek accents": "ΆΝΘΡΩΠΟΣ Ἀθῆναι ᾳ ῼ ΰ",
    "cyrillic": "Ёлка ёлка ЁЛКА Ѐ Й й И\u0306",
    "letters that folding changes": "ÆSIR Øre Łódź Đuro Þór ð ŋ ĸ Ŀ ŉ Œ ß ſ ƀ Ɓ ɐ ᴀ Ⓐ ⒜ Ａ ａ ０ ％",
}  # fmt: skip

IDENTIFIERS = (
    "getUserName setHTTPResponseCode",
    "snake_case_name SCREAMING_SNAKE_CASE __init__ _private _",
    "HTTPServer parseHTTPRequest2 XMLHttpRequest IOError",
    "utf8Decode x2Y4 int64 camelCase2Go 0xDEAD_BEEF 1_000_000",
    "URLs IDss foo_barBaz fooBAR_bazQUX aB Ab AB ab",
    "std::vector<int> obj->field a.b.c kebab-case-name $scope @decorator #define",
    "ÉcoleÉtéX ΑβΓδ ПриветМир_ещёРаз ǅunglaX Straßenbahn_Nr",
    "def running_totals(self, theDogs: list[str]) -> None: return self.runningTotals",
    "AB日Go 日本Go한국Ko Ⅷth ªB x²Y a١B",
    "a__b ___ a_1 1a A1b2C3",
)

MULTILINGUAL = (
    "今天天气很好，我们去公园散步。",
    "東京都に住んでいる友達と映画を見に行きました。",
    "ภาษาไทยไม่มีการเว้นวรรคระหว่างคำ",
    "한국어 문장은 띄어쓰기가 있습니다.",
    "Hello 世界, this is 日本語 and English",
    "3.14 2024 １２３ 12 apples",
    "ﬁre École naïve ＡＢＣ ½",
    "",
    "Ελληνικά και English mixed, русский тоже",
    "ພາສາລາວ ខ្មែរ မြန်မာ",
    "getUserName snake_case_name don't",
)

WEIGHTS = {
    "few": "dog cat dog bird cat dog b c d e f",
    "repeated": "dog " * 1000 + "cat " * 10 + "bird",
    "mixed": " ".join(f"w{i % 40} w{i % 7} w{i}" for i in range(80)),
}
"""Texts of words that no list has and no English rule changes, with frequencies from 1 to 1000."""

ROUNDING = (
    (5, 26, 2.9661017451898535, 0.34327086981333843, 17.3),
    (3, 28, 0.6320254488909822, 0.0, 256.0),
    (9, 40, 1.4677361077350017, 0.5, 256.0),
    (9, 40, 1.467736107735002, 0.5, 256.0),
    (4, 27, 2.7549223801532827, 0.5, 17.3),
    (4, 25, 2.4097784914070677, 1.0, 17.3),
    (5, 37, 1.7331968262446256, 0.75, 17.3),
    (2, 25, 2.65364988209615, 0.17357730125574533, 33.437567528415144),
    (4, 34, 2.2684755898138693, 0.75, 15.736155218641729),
    (6, 44, 2.144421503813383, 0.7365746571732775, 17.3),
    (9, 40, 1.0716808322326958, 0.5938747266940387, 13.586204817072797),
    (5, 22, 0.7315972086770117, 0.7528754864570006, 1.4221294483132754),
    (5, 22, 0.731597208677012, 0.7528754864570006, 1.4221294483132754),
    (5, 7, 2.195154373455625, 0.3550915818010677, 17.3),
)
"""Term frequency, document length, k, b, avg_len for which the weight lies next to the middle of two float32.

Only there it shows how a formula rounds: with or without a fused multiply-add in the denominator,
b * (length / avg_len) or (b * length) / avg_len, all in exact arithmetic, or the factor k + 1 last. There are
some cases for each of these.
"""

EMPTY = {
    "no text": "",
    "white space": " \t\r\n\v\f",
    "punctuation": "... --- !?",
    "stopwords": "the of and to The OF",
    "one character": "x",
}
