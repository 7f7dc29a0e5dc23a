#include "server/crypto/ssh_key.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "server/base/encoding.h"
#include "server/base/file.h"
#include "server/crypto/fields.h"
#include "server/crypto/random.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

using absl::StatusCode;

// Runs the stock ssh-keygen beside our own code: what it says is what counts.
class SshKeyTest : public ::testing::Test {
 protected:
  SshKeyTest() {
    std::string pattern = ::testing::TempDir() + "/holdfast-ssh-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~SshKeyTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& file) const { return folder_ + "/" + file; }
  // What ssh-keygen prints; the test fails when it does not succeed.
  std::string Keygen(const std::string& arguments) const {
    FILE* const pipe = popen(("ssh-keygen " + arguments + " 2>&1").c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::string output;
    char chunk[512];
    while (fgets(chunk, sizeof(chunk), pipe) != nullptr) output += chunk;
    EXPECT_EQ(pclose(pipe), 0) << arguments << ": " << output;
    return output;
  }
  std::string PublicLine(const std::string& file) const {
    return *ReadFile(Path(file) + ".pub", kAuthorizedKeyLineMax);
  }
  void Write(const std::string& file, std::string_view bytes) const {
    EXPECT_TRUE(WriteFileAtomic(Path(file), bytes, 0600).ok());
  }
  // "SHA256:..." out of "256 SHA256:... comment (ED25519)".
  std::string FingerprintBySshKeygen(const std::string& file) const {
    const std::string line = Keygen("-lf " + Path(file));
    const size_t start = line.find("SHA256:");
    return line.substr(start, line.find(' ', start) - start);
  }

  std::string folder_;
};

std::string Line(std::string_view blob, std::string_view type, std::string_view comment = "c") {
  return fmt::format("{} {} {}", type, Base64Encode(blob), comment);
}

absl::Status Parse(std::string_view line) { return ParseAuthorizedKey(line).status(); }

// A number in the SSH form from big-endian hex.
std::string Number(std::string_view hex) { return *HexDecode(hex); }

std::string RsaBlob(std::string_view exponent, std::string_view modulus) {
  return Fields(kSshRsa).Text(exponent).Text(modulus).bytes();
}
std::string Modulus(size_t bytes) {
  return std::string(1, '\0') + std::string(bytes, '\xff');  // Odd, top bit set.
}

TEST_F(SshKeyTest, OurHostKeysAreReadByTheStockTool) {
  for (const std::string_view type : {kSshEd25519, kSshP256}) {
    // P-256 scalars differ in length in the SSH form, so several are tried.
    for (int i = 0; i < 8; ++i) {
      const auto key = GenerateHostKey(type, "n1");
      ASSERT_TRUE(key.ok()) << key.status();
      Write("host", key->private_key.RevealText(Purpose::kCompare));
      EXPECT_EQ(Keygen("-y -f " + Path("host")), SshPublicText(type, key->public_key) + " n1\n");
      EXPECT_EQ(FingerprintBySshKeygen("host"), SshFingerprint(key->public_key));
      EXPECT_EQ(*CheckPublicKey(key->public_key), type);
    }
  }
}

TEST_F(SshKeyTest, TheStockToolSignsWithOurHostKeysAndVerifies) {
  for (const std::string_view type : {kSshEd25519, kSshP256}) {
    const auto key = GenerateHostKey(type, "n1");
    Write("host", key->private_key.RevealText(Purpose::kCompare));
    Write("message", "text");
    Write("signers", fmt::format("me {}\n", SshPublicText(type, key->public_key)));
    std::filesystem::remove(Path("message.sig"));
    Keygen(fmt::format("-Y sign -n t -f {} {}", Path("host"), Path("message")));
    Keygen(fmt::format("-Y verify -n t -I me -f {} -s {} < {}", Path("signers"),
                       Path("message.sig"), Path("message")));
  }
}

TEST_F(SshKeyTest, EveryHostKeyIsAnother) {
  EXPECT_NE(GenerateHostKey(kSshEd25519, "")->public_key,
            GenerateHostKey(kSshEd25519, "")->public_key);
}

TEST_F(SshKeyTest, MakesOnlyTheTwoTypesOfHostKeys) {
  for (const std::string_view type : {std::string_view("ssh-rsa"), std::string_view("")}) {
    EXPECT_EQ(GenerateHostKey(type, "").status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(GenerateHostKey(kSshEd25519, std::string(256, 'c')).ok());
}

TEST_F(SshKeyTest, ReadsTheKeysOfTheStockToolAndAgreesOnTheFingerprint) {
  const std::vector<std::pair<std::string, std::string_view>> cases = {
      {"-t ed25519", kSshEd25519},
      {"-t ecdsa -b 256", kSshP256},
      {"-t ecdsa -b 384", kSshP384},
      {"-t rsa -b 2048", kSshRsa},
  };
  for (const auto& [arguments, type] : cases) {
    std::filesystem::remove(Path("key"));
    Keygen(fmt::format("-q {} -N '' -C 'anna at work' -f {}", arguments, Path("key")));
    const auto key = ParseAuthorizedKey(PublicLine("key"));
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->type, type);
    EXPECT_EQ(key->comment, "anna at work");
    EXPECT_EQ(key->fingerprint, FingerprintBySshKeygen("key.pub"));
    EXPECT_EQ(PublicLine("key"), SshPublicText(type, key->public_key) + " anna at work\n");
  }
}

TEST_F(SshKeyTest, ReadsASecurityKeyAsTheStockToolDoes) {
  const std::string blob = Fields(kSshSkEd25519).Text(RandomBytes(32)).Text("ssh:").bytes();
  Write("sk.pub", Line(blob, kSshSkEd25519));
  const auto key = ParseAuthorizedKey(Line(blob, kSshSkEd25519));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->fingerprint, FingerprintBySshKeygen("sk.pub"));
}

TEST_F(SshKeyTest, TakesALineWithoutCommentAndWithALineEnd) {
  const std::string blob = Fields(kSshEd25519).Text(RandomBytes(32)).bytes();
  EXPECT_EQ(ParseAuthorizedKey(SshPublicText(kSshEd25519, blob) + " \r\n")->comment, "");
}

TEST_F(SshKeyTest, RefusesWeakAndUnknownTypesByName) {
  Keygen("-q -t rsa -b 1024 -N '' -f " + Path("weak"));
  EXPECT_EQ(Parse(PublicLine("weak")),
            absl::InvalidArgumentError("public key ssh-rsa: expected 2048 to 8192 bits, got 1024"));
  Keygen("-q -t ecdsa -b 521 -N '' -f " + Path("p521"));
  const absl::Status unknown = Parse(PublicLine("p521"));
  EXPECT_EQ(unknown.message(),
            "public key: expected one of ssh-ed25519, sk-ssh-ed25519@openssh.com, "
            "ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ssh-rsa");
}

TEST_F(SshKeyTest, RefusesACertificateAndAPrivateKeyWithoutRepeatingIt) {
  Keygen("-q -t ed25519 -N '' -f " + Path("key"));
  Keygen(fmt::format("-q -s {0} -I id {0}.pub", Path("key")));
  EXPECT_EQ(Parse(*ReadFile(Path("key-cert.pub"), 8192)).code(), StatusCode::kInvalidArgument);
  const std::string secret = *ReadFile(Path("key"), 8192);
  const absl::Status status = Parse(secret);
  EXPECT_EQ(status.message(),
            "public key: this is a private key; expected the line of the .pub file");
}

TEST_F(SshKeyTest, RefusesLinesThatAreNotOneKey) {
  const std::string blob = Fields(kSshEd25519).Text(RandomBytes(32)).bytes();
  const std::string good = Line(blob, kSshEd25519);
  ASSERT_TRUE(Parse(good).ok());
  for (const std::string& bad : {
           std::string(),
           std::string(" "),
           std::string("ssh-ed25519"),
           std::string("ssh-ed25519 "),
           std::string("ssh-ed25519 !!!!"),
           good + "\n" + good,
           "no-pty " + good,
           "command=\"id\" " + good,
           Line(blob, kSshRsa),
           Base64Encode(blob) + " c",
           std::string("ssh-ed25519 ") + Base64Encode(blob) + "A c",
           std::string("ssh-ed25519\t") + Base64Encode(blob),
           good + std::string(1, '\0'),
           good + "\x1b[2J",
           Line(blob, kSshEd25519, std::string(256, 'c')),
           std::string("ssh-ed25519 ") + std::string(9000, 'A'),
       }) {
    EXPECT_EQ(Parse(bad).code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST_F(SshKeyTest, RefusesBase64ThatIsNotTheOneFormOfItsBytes) {
  const std::string blob = Fields(kSshEd25519).Text(RandomBytes(32)).bytes();
  std::string base64 = Base64Encode(blob);  // 51 bytes: no padding
  EXPECT_EQ(Parse("ssh-ed25519 " + base64 + "====").code(), StatusCode::kInvalidArgument);
  const std::string sk = Fields(kSshSkEd25519).Text(RandomBytes(32)).Text("ssh:ab").bytes();
  base64 = Base64Encode(sk);
  ASSERT_TRUE(base64.ends_with('='));
  EXPECT_TRUE(Parse(std::string(kSshSkEd25519) + " " + base64).ok());
  while (base64.ends_with('=')) base64.pop_back();
  EXPECT_EQ(Parse(std::string(kSshSkEd25519) + " " + base64).code(), StatusCode::kInvalidArgument);
}

TEST_F(SshKeyTest, RefusesEveryCutAndEveryByteTooMuch) {
  const auto p256 = GenerateHostKey(kSshP256, "");
  for (const std::string& blob : {Fields(kSshEd25519).Text(RandomBytes(32)).bytes(),
                                  Fields(kSshSkEd25519).Text(RandomBytes(32)).Text("ssh:").bytes(),
                                  p256->public_key, RsaBlob(Number("010001"), Modulus(256))}) {
    ASSERT_TRUE(CheckPublicKey(blob).ok());
    for (size_t size = 0; size < blob.size(); ++size) {
      EXPECT_FALSE(CheckPublicKey(blob.substr(0, size)).ok()) << "cut at " << size;
    }
    EXPECT_FALSE(CheckPublicKey(blob + '\0').ok());
  }
}

TEST_F(SshKeyTest, RefusesPointsThatAreNoKeys) {
  const std::string good = GenerateHostKey(kSshP256, "")->public_key;
  const absl::Status off = CheckPublicKey(Flipped(good, good.size() - 1)).status();
  EXPECT_EQ(off.message(), "public key ecdsa-sha2-nistp256: the point is not on the curve");
  const auto ecdsa = [](std::string_view curve, std::string_view point) {
    return CheckPublicKey(Fields(kSshP256).Text(curve).Text(point).bytes()).status().code();
  };
  const std::string point = good.substr(good.size() - 65);
  EXPECT_EQ(ecdsa("nistp256", point), StatusCode::kOk);
  EXPECT_EQ(ecdsa("nistp384", point), StatusCode::kInvalidArgument);
  EXPECT_EQ(ecdsa("nistp256", "\x02" + point.substr(1, 32)), StatusCode::kInvalidArgument);
  EXPECT_EQ(ecdsa("nistp256", std::string(65, '\4')), StatusCode::kInvalidArgument);
  EXPECT_EQ(ecdsa("nistp256", std::string(1, '\0')), StatusCode::kInvalidArgument);
  EXPECT_EQ(ecdsa("nistp256", ""), StatusCode::kInvalidArgument);
}

TEST_F(SshKeyTest, RefusesNumbersThatAreNoRsaKey) {
  const auto rsa = [](std::string_view exponent, std::string_view modulus) {
    return CheckPublicKey(RsaBlob(exponent, modulus)).status().code();
  };
  const std::string e = Number("010001");
  EXPECT_EQ(rsa(e, Modulus(256)), StatusCode::kOk);
  EXPECT_EQ(rsa(Number("03"), Modulus(1024)), StatusCode::kOk);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {e, Modulus(255)},
      {e, Modulus(1025)},
      {e, Modulus(256).substr(1)},               // negative
      {e, std::string(1, '\0') + Modulus(256)},  // a zero too many
      {e, std::string(1, '\0') + std::string(1, '\x7f') + std::string(256, '\xff')},
      {e, Modulus(255) + '\xfe'},  // even
      {e, ""},
      {e, std::string(1, '\0')},
      {"", Modulus(256)},
      {Number("01"), Modulus(256)},
      {Number("010000"), Modulus(256)},                       // even
      {Number("01") + std::string(8, '\xff'), Modulus(256)},  // 65 bits
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(rsa(bad[i].first, bad[i].second), StatusCode::kInvalidArgument) << "case " << i;
  }
}

TEST_F(SshKeyTest, RefusesAForeignApplication) {
  for (const std::string& application :
       {std::string(), std::string("https://a"), "ssh:" + std::string(300, 'a')}) {
    const std::string blob = Fields(kSshSkEd25519).Text(RandomBytes(32)).Text(application).bytes();
    EXPECT_EQ(CheckPublicKey(blob).status().code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace holdfast::crypto
